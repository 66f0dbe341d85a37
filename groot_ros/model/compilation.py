"""torch.compile for the stages of inference, with a way back."""

from __future__ import annotations

import enum
import logging
from collections.abc import Callable
from typing import Any

import torch

from groot_ros.errors import UserError

logger = logging.getLogger(__name__)


class CompileMode(enum.Enum):
    """off: as it is; default: compiled, CUDA graphs on a GPU; max: kernels tuned as well."""

    OFF = "off"
    DEFAULT = "default"
    MAX = "max"


def compile_stage(stage: Callable[..., Any], mode: CompileMode, name: str) -> Callable[..., Any]:
    """The stage compiled at its first call, or as it is when compiling fails."""
    if mode is CompileMode.OFF:
        return stage
    torch_mode = {
        (CompileMode.DEFAULT, True): "reduce-overhead",
        (CompileMode.DEFAULT, False): "default",
        (CompileMode.MAX, True): "max-autotune",
        (CompileMode.MAX, False): "max-autotune-no-cudagraphs",
    }[mode, torch.cuda.is_available()]
    return Compiled(stage, torch.compile(stage, mode=torch_mode, fullgraph=True), name)


class Compiled:
    """A compiled stage that falls back to the plain one for good, with a warning."""

    def __init__(self, plain: Callable[..., Any], compiled: Callable[..., Any], name: str) -> None:
        self._plain = plain
        self._call = compiled
        self._name = name

    def __call__(self, *arguments: Any) -> Any:
        if self._call is self._plain:
            return self._plain(*arguments)
        try:
            result = self._call(*arguments)
        except torch.OutOfMemoryError:
            raise
        except Exception as error:
            first_line = str(error).strip().partition("\n")[0]
            logger.warning("the %s runs uncompiled: %s", self._name, first_line)
            self._call = self._plain
            return self._plain(*arguments)
        return _kept(result)


def _kept(result: Any) -> Any:
    """The next call of a CUDA graph overwrites its output: keep a copy."""
    if isinstance(result, torch.Tensor):
        return result.clone() if result.is_cuda else result
    return [_kept(part) for part in result]


def find_compile_mode(name: str) -> CompileMode:
    """The compile mode of that name; UserError lists the right ones."""
    try:
        return CompileMode(name)
    except ValueError:
        names = ", ".join(mode.value for mode in CompileMode)
        raise UserError(f"compile mode {name!r} is unknown, expected one of {names}") from None
