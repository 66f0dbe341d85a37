"""CUDA graphs for the stages of inference: one launch in the place of thousands."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

WARM_UP_CALLS = 3
GRAPHS_KEPT = 16


@dataclass(frozen=True)
class RecordedCall:
    """A recorded call: the tensors it reads and those it writes, each always in one place."""

    graph: torch.cuda.CUDAGraph
    inputs: list[Tensor]
    outputs: Any


class GraphedStage:
    """A stage without branches on data, recorded once per shape of its arguments, then replayed.

    Arguments are tensors, sequences and dataclasses of them, and None. A replay may come from
    another thread than the recording, but only one at a time.
    """

    def __init__(self, stage: Callable[..., Any]) -> None:
        self._stage = stage
        self._recordings: dict[Any, RecordedCall] = {}

    def __call__(self, *arguments: Any) -> Any:
        given = list(tensors(arguments))
        if not all(tensor.is_cuda for tensor in given):
            return self._stage(*arguments)
        key = tuple((tensor.shape, tensor.dtype) for tensor in given)
        if key not in self._recordings:
            if len(self._recordings) >= GRAPHS_KEPT:
                del self._recordings[next(iter(self._recordings))]
            self._recordings[key] = self._record(arguments, given)
        recording = self._recordings[key]
        for own, new in zip(recording.inputs, given, strict=True):
            own.copy_(new)
        recording.graph.replay()
        # The next replay overwrites the outputs.
        return rebuilt(recording.outputs, iter([t.clone() for t in tensors(recording.outputs)]))

    def _record(self, arguments: tuple[Any, ...], given: list[Tensor]) -> RecordedCall:
        inputs = [tensor.clone() for tensor in given]
        own = rebuilt(arguments, iter(inputs))
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(WARM_UP_CALLS):
                self._stage(*own)
        torch.cuda.current_stream().wait_stream(stream)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, capture_error_mode="thread_local"):
            outputs = self._stage(*own)
        return RecordedCall(graph, inputs, outputs)


def tensors(value: Any) -> Iterator[Tensor]:
    """Every tensor in nested sequences and dataclasses, in order."""
    if isinstance(value, Tensor):
        yield value
    elif value is not None:
        for part in _parts(value):
            yield from tensors(part)


def rebuilt(value: Any, others: Iterator[Tensor]) -> Any:
    """The same structure around other tensors."""
    if isinstance(value, Tensor):
        return next(others)
    if value is None:
        return None
    parts = [rebuilt(part, others) for part in _parts(value)]
    kind: Any = type(value) if dataclasses.is_dataclass(value) else lambda *items: list(items)
    return kind(*parts)


def _parts(value: Any) -> list[Any]:
    if dataclasses.is_dataclass(value):
        return [getattr(value, field.name) for field in dataclasses.fields(value)]
    return list(value)
