"""What sets one version of GR00T apart from another."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from groot_ros.model.networks.backbone import Backbone
from groot_ros.model.processing.images import ImagePipeline
from groot_ros.model.processing.prompt import PromptFormat

Values = Mapping[str, Any]


@dataclass(frozen=True)
class Tokenizer:
    """Where the tokenizer of the released backbones is: the public repository first."""

    repositories: Sequence[str]
    advice: str


@dataclass(frozen=True)
class Version:
    """A version of GR00T: its backbone, prompt and pictures, and what `config.json` leaves out.

    sizes: of the backbones that it was released with, by `model_name`; defaults: of keys that
    released files lack; slots: of the released embodiments. `images` takes `processor_kwargs`,
    the backbone's sizes and the folders of a checkpoint's files.
    """

    name: str
    model_type: str
    backbone: type[Backbone]
    sizes: Mapping[str, Values]
    defaults: Values
    learns_dropped_state: bool
    prompt: PromptFormat
    tokenizer: Tokenizer
    slots: Mapping[str, int]
    images: Callable[[Values, Values, Sequence[Path]], ImagePipeline]
