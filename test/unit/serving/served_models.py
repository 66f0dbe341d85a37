"""A model without a network, and servers of it in a thread."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from groot_ros.benchmarks.serve import modality_of
from groot_ros.codecs.catalog import find_codec
from groot_ros.codecs.codec import Codec, Timing
from groot_ros.errors import UserError
from groot_ros.model.processing.modality import ActionConfig, Modality
from groot_ros.observation.types import ModelInput, ModelOutput, Observation, Prefix
from groot_ros.robot.config import load_robot
from groot_ros.serving.gr00t_server import Gr00tServer
from groot_ros.serving.openpi_server import OpenpiServer
from groot_ros.serving.positronic_server import PositronicServer
from groot_ros.serving.protocols import ServerConfig
from groot_ros.serving.served import ModelThread
from groot_ros.signals.signals import Signals, arm_signals

POSE = np.array([0.5, 0.0, 0.3, 0.0, 1.0, 0.0, 0.0])
GENEROUS_S = 30.0


def make_modality(codec: Codec, relative: bool) -> Modality:
    modality = modality_of(codec)
    pose = ActionConfig(relative=relative, state_key="ee_pose")
    actions = tuple(
        replace(action, config=pose if action.key == "ee_pose" else action.config)
        for action in modality.actions
    )
    return replace(modality, actions=actions)


@dataclass
class RecordingModel:
    """Answers with the observed state moved 1 mm per step and remembers what it was asked."""

    variant: str = "ee_rot6d_joints"
    step_ns: int = 100_000_000
    checkpoint: str = "checkpoint-300"
    asked: list[ModelInput] = field(default_factory=list)
    continued: list[Prefix[ModelOutput] | None] = field(default_factory=list)
    envelope: dict[str, Any] | None = None
    before: Callable[[], object] = lambda: None
    """Called in each prediction."""

    @cached_property
    def codec(self) -> Codec:
        return find_codec(self.variant).codec(load_robot("sim"), Timing(16, self.step_ns))

    @cached_property
    def modality(self) -> Modality:
        return make_modality(self.codec, find_codec(self.variant).relative)

    @property
    def description(self) -> dict[str, Any]:
        codec = self.codec
        return {
            "variant": self.variant,
            "codec": codec.name,
            "base_frame": "fr3_link0",
            "joints": list(load_robot("sim").observations.joint_position.joints),
            "action_rate_hz": codec.timing.action_rate_hz,
            "checkpoint": self.checkpoint,
            **({"envelope": self.envelope} if self.envelope else {}),
        }

    def predict(self, inputs: ModelInput, prefix: Prefix[ModelOutput] | None = None) -> Any:
        self.before()
        self.asked.append(inputs)
        self.continued.append(prefix)
        outputs = {}
        for action in self.modality.actions:
            if action.key not in inputs.state:
                raise UserError(f"state {action.key!r} is missing")
            row = np.asarray(inputs.state[action.key], dtype=np.float64)
            outputs[action.key] = np.repeat(row, 16, axis=0)
            if action.key != "grip":
                outputs[action.key][:, 0] += 0.001 * np.arange(16)
        return outputs


def observation(x: float = 0.5, stamp_ns: int = 0, size: int = 224) -> Observation:
    rng = np.random.default_rng(stamp_ns)
    return Observation(
        stamp_ns=stamp_ns,
        images={
            name: rng.integers(0, 255, (size, size, 3), np.uint8) for name in ("exterior", "wrist")
        },
        instruction="pick up the red cube",
        signals=arm_signals(
            ee_pose=np.array([x, *POSE[1:]]), joint_position=np.linspace(-0.3, 0.3, 7), grip=0.25
        ),
    )


def expected_steps(model: RecordingModel, seen: Observation) -> Signals:
    """What the model means for an observation, as a client is to understand it."""
    codec = model.codec
    return codec.decode(replace(model, asked=[], continued=[]).predict(codec.encode(seen)))


@contextmanager
def running(serve: Callable[[ModelThread, Callable[[str], None]], Any]) -> Iterator[str]:
    """A server in a thread, as its URL; `serve(thread, ready)` makes its coroutine."""
    started = threading.Event()
    url: list[str] = []
    failure: list[BaseException] = []
    stop: list[Callable[[], object]] = []

    def ready(address: str) -> None:
        url.append(address)
        started.set()

    async def run() -> None:
        thread = ModelThread()
        task = asyncio.ensure_future(serve(thread, ready))
        loop = asyncio.get_running_loop()
        stop.append(lambda: loop.call_soon_threadsafe(task.cancel))
        try:
            await task
        except asyncio.CancelledError:
            pass
        finally:
            thread.close()

    def main() -> None:
        try:
            asyncio.run(run())
        except BaseException as error:
            failure.append(error)
        started.set()

    server = threading.Thread(target=main)
    server.start()
    assert started.wait(GENEROUS_S)
    if failure:
        raise failure[0]
    try:
        yield url[0]
    finally:
        if server.is_alive():
            stop[0]()
        server.join(GENEROUS_S)
        assert not server.is_alive() and not failure, failure


@contextmanager
def gr00t_server(
    model: Any, port: int = 0, kind: type[Gr00tServer] = Gr00tServer, **options: Any
) -> Iterator[str]:
    """A server for NVIDIA's clients, as its URL."""

    def serve(thread, ready):
        return kind(model, thread, **options).serve("127.0.0.1", port, ready)

    with running(serve) as url:
        yield url


@dataclass(frozen=True)
class OneCheckpoint:
    model: Any
    names: tuple[str, ...] = ("300",)
    default: str = "300"

    def load(self, name: str) -> Any:
        return self.model


@contextmanager
def positronic_server(model: Any, port: int = 0, token: str = "", **options: Any) -> Iterator[str]:
    config = ServerConfig("experiment", port=port, token=token, **options)

    def serve(thread, ready):
        return PositronicServer(OneCheckpoint(model), thread, config).serve(ready)

    with running(serve) as url:
        yield url


@contextmanager
def openpi_server(model: Any, token: str = "") -> Iterator[str]:
    def serve(thread, ready):
        return OpenpiServer(model, thread, token).serve("127.0.0.1", 0, ready)

    with running(serve) as url:
        yield url
