"""What a training run is told; the names are those of NVIDIA's fine-tuning where it has them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from groot_ros.errors import UserError
from groot_ros.files import config_file
from groot_ros.options import option
from groot_ros.training.data.augmentation import Augmentation, ColorJitter, join_words

TINY = "tiny"


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

    input_path: str | tuple[str, ...] = option("datasets to train on", default="")
    output_path: str = option("folder of experiments", default="")
    exp_name: str = option("name of this run; checkpoints go to OUTPUT_PATH/EXP_NAME", default="")
    modality_config: str | tuple[str, ...] = option(
        "how the model sees the datasets, such as ee_rot6d_q_rel, or a codec file, one for all or "
        "each its own; empty: as the dataset's codec says",
        default="",
    )
    base_model: str = option(
        "checkpoint folder or name; tiny: a small network from nothing",
        default="nvidia/GR00T-N1.7-3B",
    )
    init_from: str = option(
        "run or checkpoint whose weights are taken in place of base_model's", default=""
    )
    embodiment: str | tuple[str, ...] = option(
        "slot of the per-embodiment weights to train, one for all datasets or each its own; "
        "empty: as the codec says, or new_embodiment",
        default="",
    )
    weights: tuple[float, ...] = option(
        "shares of the samples that each dataset gives; without, every step counts alike",
        default=(),
    )
    num_train_steps: int = option("optimizer steps", default=10_000)
    batch_size: int = option("samples per optimizer step, over all processes", default=64)
    gradient_accumulation_steps: int = option("parts that a batch is computed in", default=1)
    learning_rate: float = option("highest learning rate", default=1e-4)
    weight_decay: float = option("of matrices; biases and norms have none", default=1e-5)
    adam_beta2: float = option("decay of the second moment", default=0.999)
    warmup_ratio: float = option(
        "share of the steps until the highest learning rate", default=0.05
    )
    min_learning_rate: float = option("last learning rate, as a share of the highest", default=0.0)
    max_grad_norm: float = option("gradients are clipped to this norm", default=1.0)
    ema_decay: float = option(
        "checkpoints hold a moving average of the weights; 0: off", default=0.0
    )
    save_steps: int = option("steps between checkpoints", default=1000)
    save_total_limit: int = option("checkpoints to keep", default=5)
    optimizer_states: int = option("newest checkpoints that training can resume from", default=2)
    num_workers: int = option("processes that load data, at most one per core", default=8)
    seed: int = option("of order, noise and first weights", default=42)
    optim: str = option(f"optimizer: {', '.join(OPTIMIZERS)}", default="adamw_torch")
    bf16: bool = option("compute and hold frozen weights in bfloat16", default=True)
    tune_llm: bool = option("train the language model", default=False)
    tune_visual: bool = option("train the vision tower", default=False)
    tune_projector: bool = option("train state and action encoders and the decoder", default=True)
    tune_diffusion_model: bool = option("train the DiT", default=True)
    tune_vlln: bool = option(
        "train norm and self-attention between backbone and DiT", default=True
    )
    tune_top_llm_layers: int = option("train only the last so many text layers", default=0)
    lora: bool = option(
        "train small matrices beside those of backbone and head (peft)", default=False
    )
    lora_rank: int = option("size of the small matrices", default=32)
    lora_alpha: int = option("the small matrices count lora_alpha / lora_rank", default=16)
    lora_dropout: float = option("share of their inputs that is hidden", default=0.1)
    gradient_checkpointing: bool = option(
        "compute activations twice to save memory", default=False
    )
    state_dropout_prob: float = option("probability that a sample's state is hidden", default=0.0)
    max_delay_steps: int = option(
        "steps of late chunks: up to so many are given, and the network learns to go on from them",
        default=0,
    )
    random_crop: bool = option("crop at random places as large as for inference", default=True)
    random_rotation_angle: float = option("degrees that pictures turn by at most", default=0.0)
    color_jitter_params: str = option(
        "such as: brightness 0.3 contrast 0.4 saturation 0.5 hue 0.08",
        default="",
        metavar=("NAME", "VALUE"),
    )
    noise_samples: int = option("noises and times per observation and step", default=1)
    device: str = option("auto, cpu or cuda", default="auto")
    padding: str = option(
        "chunks past the end: repeat the last action, mask, drop", default="repeat"
    )
    intervention_weight: float = option(
        "how many times as often a row comes in which an operator corrected the policy",
        default=1.0,
    )
    validate: bool = option("check every rule of the dataset's format first", default=True)
    keep_statistics: bool = option("normalise with the base model's ranges", default=False)
    eval_episodes: int = option(
        "episodes of each dataset, drawn by the seed, that training is measured with", default=0
    )
    eval_steps: int = option(
        "steps between these measurements; 0: as many as save_steps", default=0
    )
    max_memory_gb: float = option("prepared pictures up to this size stay in memory", default=2.0)
    logging_steps: int = option("steps between progress reports", default=50)
    resume: bool = option("go on from the newest checkpoint of this run", default=False)

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
        for name in ("eval_episodes", "eval_steps", "max_delay_steps", "learning_rate"):
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
    known = {field.name for field in fields(TrainConfig)}
    keys = values if isinstance(values, dict) else [values]
    unknown = {config_file.shown(key) for key in keys if key not in known}
    if unknown:
        raise UserError(f"{path} has unknown keys {sorted(unknown)}, expected {sorted(known)}")
    jitter = values.get("color_jitter_params")
    if isinstance(jitter, dict):
        values["color_jitter_params"] = join_words(jitter)
    for field in fields(TrainConfig):
        if isinstance(field.default, float) and isinstance(values.get(field.name), str):
            values[field.name] = _number(values[field.name], f"{path}: {field.name}")
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
