"""transformers' Trainer over a GR00T network; its checkpoints are whole GR00T folders."""

from __future__ import annotations

import json
import math
import os
import shutil
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, distributed, nn
from torch.distributed.checkpoint.state_dict import StateDictOptions, set_model_state_dict
from torch.distributed.fsdp import register_fsdp_forward_method
from transformers import Trainer, TrainingArguments

from groot_ros.errors import UserError
from groot_ros.model.checkpoint import weights
from groot_ros.model.checkpoint.load import save_checkpoint
from groot_ros.training.average import WeightAverage
from groot_ros.training.callbacks import UpdateAverage
from groot_ros.training.checkpoints import CONFIG_FILE, TRAINED_WEIGHTS, forget_old
from groot_ros.training.config import TrainConfig
from groot_ros.training.data.mixture import Mixture
from groot_ros.training.data.samples import Collator
from groot_ros.training.held_out import HeldOutOfAll
from groot_ros.training.lora import plain_network
from groot_ros.training.module import TrainingModule
from groot_ros.training.preparation import Prepared

SAVED_PART = ".partial"


class GrootTrainer(Trainer):
    """Saves atomically, stops at a loss that is not a number, keeps few optimizer states."""

    def __init__(
        self,
        config: TrainConfig,
        prepared: Prepared,
        samples: Mixture,
        held_out: HeldOutOfAll | None,
        arguments: TrainingArguments,
    ) -> None:
        self._config, self._prepared, self._samples = config, prepared, samples
        self._held_out, self._measured_step = held_out, -1
        network = prepared.network.to(arguments.device)
        self._average = WeightAverage(network, config.ema_decay) if config.ema_decay else None
        super().__init__(
            model=TrainingModule(network),
            args=arguments,
            data_collator=Collator(prepared.parts[0].processor, network.config),
            train_dataset=samples,
            eval_dataset=held_out,
        )
        self.loss_is_scaled_for_ga = False
        if self._average is not None:
            self.add_callback(UpdateAverage(self._average))

    @property
    def _network(self) -> Any:
        return self.accelerator.unwrap_model(self.model).network

    def training_step(
        self, model: nn.Module, inputs: dict[str, Any], num_items_in_batch: Any = None
    ) -> Tensor:
        numbers = inputs["k"]
        loss = super().training_step(model, inputs, num_items_in_batch)
        if not math.isfinite(loss.item()):
            where = "; ".join(self._samples.where(int(k)) for k in numbers[:4])
            raise UserError(
                f"the loss is {loss.item()} at step {self.state.global_step + 1}, in a batch that "
                f"begins with {where}: lower the learning rate or check these frames; the last "
                f"checkpoint in {self._config.run_path} is good"
            )
        return loss

    def compute_loss(
        self, model: nn.Module, inputs: dict[str, Any], *args: Any, **kwargs: Any
    ) -> Any:
        """The loss as if all processes' samples were in one batch.

        Each divides by its own numbers, and gradients are averaged over the processes; chunks of
        one robot may have more numbers than those of another.
        """
        loss: Any = super().compute_loss(model, inputs, *args, **kwargs)
        return loss * _share(inputs["mask"])

    def _averaged(self) -> AbstractContextManager[None]:
        return nullcontext() if self._average is None else self._average.applied()

    def evaluate(self, *args: Any, **kwargs: Any) -> dict[str, float]:
        """Errors on the held-out episodes, logged under `eval`."""
        # The Trainer asks twice after the last step.
        if self._held_out is None or self.state.global_step == self._measured_step:
            return {}
        self._measured_step = self.state.global_step
        module = self.accelerator.unwrap_model(self.model).eval()
        if self.is_fsdp_enabled:
            register_fsdp_forward_method(module, "actions")
        with self._averaged(), self.accelerator.autocast():
            errors = self._held_out.errors(module)
        module.train()
        metrics = {f"eval_{name}": value for name, value in errors.items()}
        self.log(metrics)
        return metrics

    def _get_output_dir(self, trial: Any) -> str:
        return str(self._config.run_path / SAVED_PART)

    def _save_checkpoint(self, model: nn.Module, trial: Any) -> None:
        run = self._config.run_path
        name = f"checkpoint-{self.state.global_step}"
        if (run / name).exists():
            return
        if self.args.should_save:
            shutil.rmtree(run / SAVED_PART, ignore_errors=True)
        try:
            super()._save_checkpoint(model, trial)
        except (OSError, SafetensorError, RuntimeError) as error:
            if isinstance(error, RuntimeError) and "inline_container" not in str(error):
                raise
            shutil.rmtree(run / SAVED_PART, ignore_errors=True)
            raise UserError(
                f"{name} cannot be saved in {run} ({error}): free space and go on with --resume"
            ) from None
        self.accelerator.wait_for_everyone()
        if self.args.should_save:
            os.replace(run / SAVED_PART / name, run / name)
            shutil.rmtree(run / SAVED_PART, ignore_errors=True)
            forget_old(run, self._config)
        self.accelerator.wait_for_everyone()

    def save_model(self, output_dir: str | None = None, _internal_call: bool = False) -> None:
        super().save_model(output_dir, _internal_call)
        # Other processes write beside the weights, in a folder that must be there.
        self.accelerator.wait_for_everyone()

    def _save(self, output_dir: str | None = None, state_dict: Any = None) -> None:
        if not self.args.should_save:
            return
        prepared = self._prepared
        files = {
            **prepared.extra_files,
            "groot_ros.json": json.dumps(prepared.metadata, indent=2) + "\n",
            CONFIG_FILE: json.dumps(asdict(self._config), indent=2) + "\n",
        }
        folder = Path(output_dir or self.args.output_dir or ".")
        network, parameters = self._network, dict(self._network.named_parameters())
        trained = [name for name, parameter in parameters.items() if parameter.requires_grad]
        all_weights: Mapping[str, Tensor] = parameters
        if self.is_fsdp_enabled:
            all_weights = {name.removeprefix("network."): t for name, t in state_dict.items()}
        if self.is_fsdp_enabled or self._config.lora:
            network = plain_network(network, all_weights, self._config)
        with self._averaged():
            save_checkpoint(
                folder,
                network,
                processor_config=prepared.processor_config,
                statistics=prepared.statistics,
                slots=prepared.slots,
                extra_files=files,
            )
        if self._average is not None or self._config.lora:
            own = {name: all_weights[name].detach().cpu().contiguous() for name in trained}
            weights.write_file(folder / TRAINED_WEIGHTS, own)

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: Any = None) -> None:
        network, folder = self._network, Path(resume_from_checkpoint)
        if not self._config.lora:
            plan = weights.plan(network, weights.stored_tensors(folder), None)
            _load(network, {name: tensor.clone() for name, tensor in weights.read(plan)})
        if self._average is not None:
            self._average.restart()
        if (folder / TRAINED_WEIGHTS).exists():
            _load(network, load_file(folder / TRAINED_WEIGHTS))


def _share(mask: Tensor) -> Tensor | float:
    """Of the numbers of all processes, as a multiple of an equal share."""
    if not distributed.is_initialized():
        return 1.0
    own = mask.sum()
    total = own.clone()
    distributed.all_reduce(total)
    return own * distributed.get_world_size() / total


def _load(network: nn.Module, weights: dict[str, Any]) -> None:
    """Give a network, spread over processes or not, those of its weights that are named."""
    options = StateDictOptions(full_state_dict=True, strict=False)
    set_model_state_dict(network, weights, options=options)
