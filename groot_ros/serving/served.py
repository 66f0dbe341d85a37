"""The model that a server offers, and the one thread that runs it for all clients."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from groot_ros.codecs.codec import Codec
from groot_ros.model.processing.modality import Modality
from groot_ros.observation.types import ModelInput, ModelOutput, Observation, Prefix
from groot_ros.signals.signals import Signals

T = TypeVar("T")


class ServedNetwork(Protocol):
    """A loaded checkpoint that is asked in its own keys."""

    @property
    def modality(self) -> Modality:
        """What the model reads and answers."""

    @property
    def description(self) -> Mapping[str, Any]:
        """Plain data that tells a client which model this is."""

    def predict(
        self, inputs: ModelInput, prefix: Prefix[ModelOutput] | None = None
    ) -> ModelOutput:
        """Actions {key: (T, D)} that continue `prefix`, if there is one."""


class ServedModel(ServedNetwork, Protocol):
    """A loaded checkpoint behind a variant's codec."""

    @property
    def codec(self) -> Codec:
        """The variant's codec, with the model's timing."""


class Checkpoints(Protocol):
    """What a server can load."""

    @property
    def names(self) -> Sequence[str]:
        """Of all checkpoints, oldest first."""

    @property
    def default(self) -> str:
        """Name of the one that is meant when a client names none; it stays the same."""

    def load(self, name: str) -> ServedModel:
        """Load and warm up; UserError when it is not there or does not fit."""


@dataclass(frozen=True)
class Timed(Generic[T]):
    """A result, how long it waited for its turn and how long it took, in s."""

    value: T
    queue_s: float
    model_s: float

    @property
    def timing(self) -> dict[str, float]:
        """In ms, for a client."""
        return {"queue_ms": self.queue_s * 1e3, "infer_ms": self.model_s * 1e3}


class ModelThread:
    """Runs the model, one inference at a time, in the order of the requests.

    A client waits for its answer before it asks again, so that order gives everybody a turn. One
    that dies costs the others at most the inference that it had asked for.
    """

    def __init__(self) -> None:
        self._executor = ThreadPoolExecutor(1, "model")

    async def run(self, work: Callable[[], T]) -> Timed[T]:
        """The result of `work` with its times; what it raises is raised here."""
        asked_s = time.monotonic()

        def timed() -> Timed[T]:
            began_s = time.monotonic()
            value = work()
            return Timed(value, began_s - asked_s, time.monotonic() - began_s)

        return await asyncio.get_running_loop().run_in_executor(self._executor, timed)

    async def steps(
        self, model: ServedModel, codec: Codec, observation: Observation
    ) -> Timed[Signals]:
        """The steps that a model with a codec means for an observation; `model_s` is its own."""

        def infer() -> tuple[Signals, float]:
            inputs = codec.encode(observation)
            began_s = time.monotonic()
            output = model.predict(inputs)
            model_s = time.monotonic() - began_s
            return codec.decode(output), model_s

        done = await self.run(infer)
        steps, model_s = done.value
        return Timed(steps, done.queue_s, model_s)

    async def default(self, checkpoints: Checkpoints) -> ServedModel:
        """The model that is served where clients cannot choose one."""
        return (await self.run(lambda: checkpoints.load(checkpoints.default))).value

    def close(self) -> None:
        """Forget the waiting inferences; the one under way ends when it does."""
        self._executor.shutdown(wait=False, cancel_futures=True)
