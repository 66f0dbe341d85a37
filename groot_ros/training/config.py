"""What a training run is told; the names are those of NVIDIA's fine-tuning where it has them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from groot_ros.errors import UserError
from groot_ros.files import config_file
from groot_ros.training.data.augmentation import Augmentation, ColorJitter, join_words

TINY = "tiny"


def _option(default: Any, help: str, each: type | None = None) -> Any:
    """An option of the command line; `each` is what one of several values is."""
    return field(default=default, metadata={"help": help, "each": each})


@dataclass(frozen=True)
class Optimizer:
    """transformers' name of an optimizer, what it keeps per trained number, its package."""

    name: str
    bytes_per_number: int
    package: str = "torch"


OPTIMIZERS: Mapping[str, Optimizer] = {
    "adamw_torch": Optimizer("adamw_torch", 8),
    "adamw": Optimizer("adamw_torch", 8),
    "adamw_torch_fused": Optimizer("adamw_torch_fused", 8),
    "adamw8bit": Optimizer("adamw_8bit", 2, "bitsandbytes"),
    "paged_adamw8bit": Optimizer("paged_adamw_8bit", 2, "bitsandbytes"),
}


@dataclass(frozen=True)
class TrainConfig:
    """Options of `groot-ros train`; defaults as in GR00T's own fine-tuning."""

    input_path: str | tuple[str, ...] = _option("", "datasets to train on", str)
    output_path: str = _option("", "folder of experiments")
    exp_name: str = _option("", "name of this run; checkpoints go to OUTPUT_PATH/EXP_NAME")
    modality_config: str | tuple[str, ...] = _option(
        "",
        "how the model sees the datasets, such as ee_rot6d_q_rel, or a codec file, one for all or "
        "each its own; empty: as the dataset's codec says",
        str,
    )
    base_model: str = _option(
        "nvidia/GR00T-N1.7-3B", "checkpoint folder or name; tiny: a small network from nothing"
    )
    init_from: str = _option(
        "", "run or checkpoint whose weights are taken in place of base_model's"
    )
    embodiment: str | tuple[str, ...] = _option(
        "",
        "slot of the per-embodiment weights to train, one for all datasets or each its own; "
        "empty: as the codec says, or new_embodiment",
        str,
    )
    weights: tuple[float, ...] = _option(
        (),
        "shares of the samples that each dataset gives; without, every step counts alike",
        float,
    )
    num_train_steps: int = _option(10_000, "optimizer steps")
    batch_size: int = _option(64, "samples per optimizer step, over all processes")
    gradient_accumulation_steps: int = _option(1, "parts that a batch is computed in")
    learning_rate: float = _option(1e-4, "highest learning rate")
    weight_decay: float = _option(1e-5, "of matrices; biases and norms have none")
    adam_beta2: float = _option(0.999, "decay of the second moment")
    warmup_ratio: float = _option(0.05, "share of the steps until the highest learning rate")
    min_learning_rate: float = _option(0.0, "last learning rate, as a share of the highest")
    max_grad_norm: float = _option(1.0, "gradients are clipped to this norm")
    ema_decay: float = _option(0.0, "checkpoints hold a moving average of the weights; 0: off")
    save_steps: int = _option(1000, "steps between checkpoints")
    save_total_limit: int = _option(5, "checkpoints to keep")
    optimizer_states: int = _option(2, "newest checkpoints that training can resume from")
    num_workers: int = _option(8, "processes that load data, at most one per core")
    seed: int = _option(42, "of order, noise and first weights")
    optim: str = _option("adamw_torch", f"optimizer: {', '.join(OPTIMIZERS)}")
    bf16: bool = _option(True, "compute and hold frozen weights in bfloat16")
    tune_llm: bool = _option(False, "train the language model")
    tune_visual: bool = _option(False, "train the vision tower")
    tune_projector: bool = _option(True, "train state and action encoders and the decoder")
    tune_diffusion_model: bool = _option(True, "train the DiT")
    tune_vlln: bool = _option(True, "train norm and self-attention between backbone and DiT")
    tune_top_llm_layers: int = _option(0, "train only the last so many text layers")
    lora: bool = _option(False, "train small matrices beside those of backbone and head (peft)")
    lora_rank: int = _option(32, "size of the small matrices")
    lora_alpha: int = _option(16, "the small matrices count lora_alpha / lora_rank")
    lora_dropout: float = _option(0.1, "share of their inputs that is hidden")
    gradient_checkpointing: bool = _option(False, "compute activations twice to save memory")
    state_dropout_prob: float = _option(0.0, "probability that a sample's state is hidden")
    random_crop: bool = _option(True, "crop at random places as large as for inference")
    random_rotation_angle: float = _option(0.0, "degrees that pictures turn by at most")
    color_jitter_params: str = _option(
        "", "such as: brightness 0.3 contrast 0.4 saturation 0.5 hue 0.08"
    )
    noise_samples: int = _option(1, "noises and times per observation and step")
    device: str = _option("auto", "auto, cpu or cuda")
    padding: str = _option("repeat", "chunks past the end: repeat the last action, mask, drop")
    intervention_weight: float = _option(
        1.0, "how many times as often a row comes in which an operator corrected the policy"
    )
    validate: bool = _option(True, "check every rule of the dataset's format first")
    keep_statistics: bool = _option(False, "normalise with the base model's ranges")
    eval_episodes: int = _option(
        0, "episodes of each dataset, drawn by the seed, that training is measured with"
    )
    eval_steps: int = _option(0, "steps between these measurements; 0: as many as save_steps")
    max_memory_gb: float = _option(2.0, "prepared pictures up to this size stay in memory")
    logging_steps: int = _option(50, "steps between progress reports")
    resume: bool = _option(False, "go on from the newest checkpoint of this run")

    def __post_init__(self) -> None:
        for name in ("input_path", "output_path", "exp_name"):
            if not getattr(self, name):
                raise UserError(f"{name} is not given: add --{name} or the key {name} to the YAML")
        self._check_mixture()
        if self.init_from and self.base_model != TrainConfig.base_model:
            raise UserError(
                f"--init_from {self.init_from} and --base_model {self.base_model} are both where "
                "the weights come from: leave one of them out"
            )
        for name in ("num_train_steps", "batch_size", "save_steps", "noise_samples"):
            if getattr(self, name) < 1:
                raise UserError(f"{name} is {getattr(self, name)}, expected 1 or more")
        if self.batch_size % self.gradient_accumulation_steps:
            raise UserError(
                f"batch_size {self.batch_size} is not a multiple of gradient_accumulation_steps "
                f"{self.gradient_accumulation_steps}: change one of them"
            )
        for name in ("eval_episodes", "eval_steps"):
            if getattr(self, name) < 0:
                raise UserError(f"{name} is {getattr(self, name)}, expected 0 or more")
        if self.optim not in OPTIMIZERS:
            raise UserError(f"optim is {self.optim!r}, expected one of {', '.join(OPTIMIZERS)}")
        if find_spec(self.optimizer.package) is None:
            raise UserError(
                f"--optim {self.optim} needs the package {self.optimizer.package}: pip install "
                f"{self.optimizer.package}, or take --optim adamw"
            )
        self._check_lora()
        if not 0 <= self.random_rotation_angle <= 180:
            raise UserError(
                f"random_rotation_angle is {self.random_rotation_angle}, expected 0 to 180 degrees"
            )
        ColorJitter.parse(self.color_jitter_params)
        for name in ("ema_decay", "min_learning_rate"):
            if not 0 <= getattr(self, name) < 1:
                raise UserError(f"{name} is {getattr(self, name)}, expected 0 to below 1")
        if not 0 < self.intervention_weight <= 1000:
            raise UserError(
                f"intervention_weight is {self.intervention_weight}, expected above 0 to 1000"
            )
        if self.padding not in ("repeat", "mask", "drop"):
            raise UserError(f"padding is {self.padding!r}, expected repeat, mask or drop")

        if self.keep_statistics and self.base_model == TINY:
            raise UserError(
                "--keep_statistics needs a base model that was trained and --base_model tiny "
                "begins from nothing: leave one of them out"
            )

    def _check_mixture(self) -> None:
        count = len(_each(self.input_path))
        for name in ("modality_config", "embodiment"):
            if (found := len(_each(getattr(self, name)))) not in (1, count):
                raise UserError(
                    f"{name} has {found} values for {count} datasets: give one for all or "
                    "each its own"
                )
        if self.weights and len(self.weights) != count:
            raise UserError(
                f"weights has {len(self.weights)} numbers for {count} datasets: give one each, or "
                "none, so that every step counts alike"
            )
        for weight in self.weights:
            if not isinstance(weight, int | float) or not 0 < weight < math.inf:
                raise UserError(
                    f"weights has {weight!r}, expected finite numbers above 0: leave a dataset "
                    "out that is to have no share"
                )

    @property
    def inputs(self) -> list[tuple[Path, str, str]]:
        """Path, modality config and embodiment of each dataset."""
        paths = _each(self.input_path)
        configs, embodiments = (
            _each(value) * (len(paths) if len(_each(value)) == 1 else 1)
            for value in (self.modality_config, self.embodiment)
        )
        return list(zip(map(Path, paths), configs, embodiments, strict=True))

    def _check_lora(self) -> None:
        if self.lora_rank < 1 or not 0 <= self.lora_dropout < 1:
            raise UserError(
                f"lora_rank is {self.lora_rank} and lora_dropout {self.lora_dropout}, expected 1 "
                "or more and 0 to below 1"
            )
        if self.lora and self.base_model == TINY:
            raise UserError(
                "--lora changes a trained model a little and --base_model tiny begins from "
                "nothing: leave --lora out or name a checkpoint"
            )
        if self.lora and self.ema_decay:
            raise UserError("--lora and --ema_decay cannot be combined: leave one of them out")

    @property
    def optimizer(self) -> Optimizer:
        """What `optim` names."""
        return OPTIMIZERS[self.optim]

    @property
    def augmentation(self) -> Augmentation:
        """What happens to the pictures."""
        jitter = ColorJitter.parse(self.color_jitter_params)
        return Augmentation(self.random_crop, self.random_rotation_angle, jitter)

    @property
    def run_path(self) -> Path:
        """Folder of this run."""
        return Path(self.output_path) / self.exp_name


def _each(value: str | tuple[str, ...]) -> tuple[str, ...]:
    """One or several of an option as several."""
    return (value,) if isinstance(value, str) else value


# What a small network needs that learns everything from one dataset.
TINY_DEFAULTS: Mapping[str, Any] = {
    "num_train_steps": 3000,
    "batch_size": 32,
    "learning_rate": 2e-3,
    "weight_decay": 0.01,
    "adam_beta2": 0.95,
    "warmup_ratio": 0.02,
    "min_learning_rate": 0.02,
    "optim": "adamw_torch_fused",
    "ema_decay": 0.99,
    "num_workers": 0,
    "tune_llm": True,
    "tune_visual": True,
    "bf16": False,
    "random_crop": False,
}


def read_yaml(path: Path) -> dict[str, Any]:
    """Options of a YAML file; UserError names an unknown key."""
    try:
        values = config_file.read_yaml(path)
    except FileNotFoundError:
        raise UserError(f"{path} does not exist, expected a YAML file of options") from None
    known = {option.name for option in fields(TrainConfig)}
    keys = values if isinstance(values, dict) else [values]
    unknown = {config_file.shown(key) for key in keys if key not in known}
    if unknown:
        raise UserError(f"{path} has unknown keys {sorted(unknown)}, expected {sorted(known)}")
    jitter = values.get("color_jitter_params")
    if isinstance(jitter, dict):
        values["color_jitter_params"] = join_words(jitter)
    for option in fields(TrainConfig):
        if isinstance(option.default, float) and isinstance(values.get(option.name), str):
            values[option.name] = _number(values[option.name], f"{path}: {option.name}")
    return dict(values)


def _number(text: str, source: str) -> float:
    """A number such as 1e-4, which YAML takes for text where no point is in it."""
    try:
        return float(text)
    except ValueError:
        raise UserError(f"{source} is {text!r}, expected a number") from None


def make_config(given: Mapping[str, Any]) -> TrainConfig:
    """The options given over the defaults, which depend on the size of the base model."""
    defaults = TINY_DEFAULTS if given.get("base_model") == TINY else {}
    return TrainConfig(**{**defaults, **{name: _plain(value) for name, value in given.items()}})


def _plain(value: Any) -> Any:
    """A list as the command line or YAML gives it: one text alone, several, or numbers."""
    if not isinstance(value, list):
        return value
    return value[0] if len(value) == 1 and isinstance(value[0], str) else tuple(value)
