"""CUDA graphs and torch.compile for the stages of inference, with a way back."""

from __future__ import annotations

import enum
import logging
from collections.abc import Callable
from typing import Any

import torch

from groot_ros.errors import UserError
from groot_ros.model.inference.cuda_graph import GraphedStage

logger = logging.getLogger(__name__)

Stage = Callable[..., Any]


class CompileMode(enum.Enum):
    """How a stage runs; what `default` and `max` mean depends on the device.

    default: CUDA graphs on a GPU, of an action head with kernels of its own; torch.compile on a
    CPU.
    max: the same on a GPU with the other stages compiled; tuned kernels on a CPU.
    """

    OFF = "off"
    DEFAULT = "default"
    MAX = "max"


def compile_stage(stage: Stage, mode: CompileMode, name: str, device: torch.device) -> Stage:
    """The stage, recorded or compiled at its first call, or as it is when that fails."""
    if mode is CompileMode.OFF:
        return stage
    prepare = _on_gpu if device.type == "cuda" else _on_cpu
    return Compiled(stage, prepare(stage, mode), name)


def _on_gpu(stage: Stage, mode: CompileMode) -> Stage:
    if mode is CompileMode.MAX:
        stage = torch.compile(stage, fullgraph=True)
    return GraphedStage(stage)


def _on_cpu(stage: Stage, mode: CompileMode) -> Stage:
    tuning = "max-autotune-no-cudagraphs" if mode is CompileMode.MAX else "default"
    return torch.compile(stage, mode=tuning, fullgraph=True)


class Compiled:
    """A prepared stage that falls back to the plain one for good, with a warning.

    `without` says what the plain one, which may be a `Compiled` in its turn, does not have.
    """

    def __init__(
        self, plain: Stage, prepared: Stage, name: str, without: str = "uncompiled"
    ) -> None:
        self._plain = plain
        self._call = prepared
        self._name = name
        self._without = without
        self._failure = ""

    @property
    def failure(self) -> str:
        """Why the plain stage runs; empty while the prepared one does."""
        inner = self._plain.failure if isinstance(self._plain, Compiled) else ""
        return "; ".join(reason for reason in (self._failure, inner) if reason)

    def give_up(self, error: Exception) -> None:
        """Run the plain stage from now on."""
        first_line = str(error).strip().partition("\n")[0]
        self._failure = f"the {self._name} runs {self._without}: {first_line}"
        logger.warning(self._failure)
        self._call = self._plain

    def __call__(self, *arguments: Any) -> Any:
        if self._call is self._plain:
            return self._plain(*arguments)
        try:
            return self._call(*arguments)
        except torch.OutOfMemoryError:
            raise
        except Exception as error:
            self.give_up(error)
            return self._plain(*arguments)


def find_compile_mode(name: str, device: torch.device) -> CompileMode:
    """The mode of that name; `auto` is default on a GPU, off on a CPU. UserError for an unknown
    name."""
    if name == "auto":
        return CompileMode.DEFAULT if device.type == "cuda" else CompileMode.OFF
    try:
        return CompileMode(name)
    except ValueError:
        names = ", ".join(["auto", *(mode.value for mode in CompileMode)])
        raise UserError(f"compile mode {name!r} is unknown, expected one of {names}") from None
