"""Messages over the network: requests to every server, answers to every client."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgpack
import numpy as np
from mutation import POISONS, damaged, poisoned
from numpy.random import Generator

from groot_ros.benchmarks.serve import VARIANT, StandInModel
from groot_ros.chunks.chunk import Chunk
from groot_ros.codecs.catalog import find_codec
from groot_ros.errors import UserError
from groot_ros.observation.types import Observation
from groot_ros.policies.remote.connection import RemoteConfig, Unreachable
from groot_ros.policies.remote.policy import RemotePolicy
from groot_ros.robot.config import load_robot
from groot_ros.serving.positronic_settings import Settings
from groot_ros.signals.signals import arm_signals
from groot_ros.wire import numpy_wire, nvidia_wire
from groot_ros.wire import openpi as openpi_messages
from groot_ros.wire import positronic as positronic_messages
from groot_ros.wire.bounded import peek
from groot_ros.wire.gr00t import (
    modality_reply,
    to_answer,
    to_inputs,
    to_observation,
    to_prefix,
)

SIZE = 16
MAPS: list[Any] = [
    {"__ndarray_class__": True, "as_npy": b"\x93NUMPY\x01\x00v\x00{'descr': '|O'"},
    {"__ModalityConfig_class__": True, "as_json": "[" * 10_000},
    {"__jpeg__": True, "frames": [b"\xff\xd8\xff"], "shape": [1]},
    {b"nd": True, b"type": "|O", b"kind": b"O", b"shape": [1], b"data": b"."},
    {b"__ndarray__": True, b"data": b"1", b"dtype": "|O", b"shape": [1]},
    {b"__ndarray__": True, b"data": b"", b"dtype": "<f8", b"shape": [0]},
    {b"__ndarray__": True, b"data": b"\x00\x00\xc0\x7f", b"dtype": "<f4", b"shape": [1]},
    {b"__npgeneric__": True, b"data": 1, b"dtype": "O"},
    {b"__cmd__": 5},
    [[]] * 50,
    b"\x80\x04\x95cos\nsystem\n.",
]
# msgpack has neither lone surrogates nor such integers.
WIRE_POISONS = [
    *(p for p in POISONS if p != "\ud800" and not (isinstance(p, int) and abs(p) > 2**63)),
    *MAPS,
]


class Surface:
    refusals = (UserError,)

    def __init__(self, _: Path) -> None:
        self._model = StandInModel(0.0)
        self._robot, self._variant = load_robot("sim"), find_codec(VARIANT)
        codec = self._codec = self._model.codec
        self._seen = Observation(
            stamp_ns=0,
            images={n: np.full((SIZE, SIZE, 3), 90, np.uint8) for n in ("exterior", "wrist")},
            instruction="pick up the red cube",
            signals=arm_signals(
                ee_pose=np.array([0.5, 0.0, 0.3, 0.0, 1.0, 0.0, 0.0]),
                joint_position=np.zeros(7),
                grip=0.0,
            ),
        )
        inputs = codec.encode(self._seen)
        output = self._model.predict(inputs)
        steps = codec.decode(output)
        data = {"observation": to_observation(inputs, codec.language, 90)}
        options = {"action_prefix": {k: v[:4] for k, v in output.items()}, "frozen_steps": 2}
        # Through the wire once, so that every array is a map that can be poisoned.
        self._requests: list[tuple[Any, Callable[[bytes], object]]] = [
            (
                _tree(
                    nvidia_wire, {"endpoint": "get_action", "data": {**data, "options": options}}
                ),
                self._gr00t_request,
            ),
            (
                _tree(numpy_wire, positronic_messages.to_flat(self._seen, 90)),
                self._positronic_request,
            ),
            (
                _tree(numpy_wire, openpi_messages.of_signals(self._seen, codec, 90)),
                self._openpi_request,
            ),
        ]
        timing = {"queue_ms": 0.1, "infer_ms": 0.2}
        self._gr00t_answers = [
            _tree(nvidia_wire, {"status": "ok", "groot_ros": {"action_rate_hz": 15.0}}),
            _tree(nvidia_wire, modality_reply(self._model.modality)),
            _tree(nvidia_wire, [to_answer([output]), {"server_timing": timing}]),
        ]
        meta = {"action_fps": 15.0, "groot_ros": {"variant": VARIANT}}
        result = positronic_messages.to_result(steps, 1 / 15, None)
        self._positronic_answers = [
            _tree(numpy_wire, {"status": "ready", "meta": meta}),
            _tree(numpy_wire, {"result": result, "timing": {"served_ms": 1.0}}),
        ]
        rows = np.concatenate(list(output.values()), axis=1).astype(np.float32)
        self._openpi_answers = [
            _tree(numpy_wire, {"reset_pose": [0.0]}),
            _tree(numpy_wire, {"actions": rows, "server_timing": timing}),
        ]

    def attack(self, rng: Generator) -> None:
        kind = rng.integers(7)
        if kind < 3:
            tree, feed = self._requests[kind]
            feed(_hostile(tree, rng))
        elif kind == 3:
            self._gr00t_client(rng)
        elif kind == 4:
            self._positronic_client(rng)
        elif kind == 5:
            self._openpi_client(rng)
        else:
            words = [str(p)[:50] for p in POISONS]
            names = ("fps", "horizon", "image_size", "resize", "action_fps", "x")
            Settings.from_query(
                "&".join(
                    f"{names[rng.integers(len(names))]}="
                    f"{quote(words[rng.integers(len(words))], errors='replace')}"
                    for _ in range(rng.integers(4))
                )
            )

    def _gr00t_request(self, message: bytes) -> None:
        peek(message, "api_token")
        request = nvidia_wire.unpack(message)
        data = request.get("data") if isinstance(request, dict) else None
        if isinstance(data, dict):
            inputs = to_inputs(data.get("observation"), self._model.modality)
            to_prefix(data.get("options"))
            assert inputs

    def _positronic_request(self, message: bytes) -> None:
        seen = positronic_messages.to_observation(numpy_wire.unpack(message))
        self._codec.encode(seen)

    def _openpi_request(self, message: bytes) -> None:
        seen = openpi_messages.to_observation(numpy_wire.unpack(message), self._codec)
        self._codec.encode(seen)

    def _gr00t_client(self, rng: Generator) -> None:
        answers = list(self._gr00t_answers)
        policy = RemotePolicy(RemoteConfig("gr00t://127.0.0.1:1"), self._variant, self._robot)
        self._ask(policy, answers, rng, "_exchange")

    def _positronic_client(self, rng: Generator) -> None:
        policy = RemotePolicy(RemoteConfig("ws://127.0.0.1:1"), self._variant, self._robot)
        self._ask(policy, list(self._positronic_answers), rng, None)

    def _openpi_client(self, rng: Generator) -> None:
        policy = RemotePolicy(RemoteConfig("openpi://127.0.0.1:1"), self._variant, self._robot)
        self._ask(policy, list(self._openpi_answers), rng, None)

    def _ask(
        self, policy: RemotePolicy, trees: list[Any], rng: Generator, seam: str | None
    ) -> None:
        """Open and predict while one of the server's answers is hostile."""
        bad = int(rng.integers(len(trees)))
        answers = [
            _hostile(tree, rng) if index == bad else msgpack.packb(tree)
            for index, tree in enumerate(trees)
        ]
        connection: Any = policy._connection
        if seam:
            setattr(connection, seam, lambda *_: answers.pop(0) if answers else b"")
        else:
            connection._socket = _Socket(answers)
        with contextlib.closing(policy):
            policy.open()
            chunk = policy.predict(self._seen)
            _check(chunk)


def _check(chunk: Chunk) -> None:
    assert chunk.step_ns > 0
    for values in chunk.signals.arrays:
        assert np.all(np.isfinite(values))


class _Socket:
    def __init__(self, answers: list[bytes]) -> None:
        self._answers = answers

    is_open = True

    def open(self, *_: Any) -> None:
        pass

    def close(self) -> None:
        pass

    def send(self, _: bytes) -> None:
        pass

    def receive(self, _: float) -> bytes:
        if not self._answers:
            raise Unreachable("no answer is left")
        return self._answers.pop(0)


def _tree(wire: Any, value: Any) -> Any:
    """What is on the wire: arrays as the maps that stand for them."""
    return msgpack.unpackb(wire.pack(value), strict_map_key=False)


def _hostile(tree: Any, rng: Generator) -> bytes:
    if rng.random() < 0.7:
        with contextlib.suppress(ValueError, OverflowError, TypeError):
            return bytes(msgpack.packb(poisoned(tree, rng, WIRE_POISONS)))
    return damaged(msgpack.packb(tree), rng)
