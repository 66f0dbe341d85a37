"""What a server costs beside its model: round trips over loopback, server and clients in processes
of their own."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection as Pipe
from typing import Any

import numpy as np

from groot_ros.codecs.catalog import find_codec
from groot_ros.codecs.codec import Codec
from groot_ros.errors import UserError
from groot_ros.model.processing.modality import ActionConfig, ActionKey, Modality
from groot_ros.observation.types import ModelInput, ModelOutput, Observation, Prefix
from groot_ros.policies.remote.connection import RemoteConfig
from groot_ros.policies.remote.policy import RemotePolicy
from groot_ros.robot.config import load_robot
from groot_ros.serving.protocols import ServerConfig, protocol_names, server_of
from groot_ros.serving.served import ModelThread, ServedModel
from groot_ros.signals.signals import EE_POSE, arm_signals

VARIANT, ROBOT = "ee_rot6d_joints", "sim"
HOST = "127.0.0.1"
WARM_UP = 10
IMAGE = (224, 224, 3)
START_TIMEOUT_S = 60.0
ANSWER_TIMEOUT_S = 60.0


@dataclass(frozen=True)
class ServeLoad:
    """How much is asked: requests per client, the model's time, how many clients at once."""

    requests: int = 200
    model_s: float = 0.015
    clients: tuple[int, ...] = (1, 4)


class StandInModel:
    """Takes a fixed time and answers with where the arm is; a checkpoint of its own name."""

    names = ("stand-in",)
    default = "stand-in"
    description: Mapping[str, Any] = {"variant": VARIANT}

    def __init__(self, model_s: float) -> None:
        self._model_s = model_s
        self.codec = find_codec(VARIANT).codec(load_robot(ROBOT))
        self.modality = modality_of(self.codec)

    def predict(
        self, inputs: ModelInput, prefix: Prefix[ModelOutput] | None = None
    ) -> ModelOutput:
        """The observed state as every step."""
        time.sleep(self._model_s)
        state, steps = inputs.state, self.modality.horizon
        return {
            action.key: np.repeat(np.asarray(state[action.key]), steps, axis=0)
            for action in self.modality.actions
        }

    def load(self, name: str) -> ServedModel:
        """Return the stand-in itself, which needs no checkpoint."""
        return self


def modality_of(codec: Codec) -> Modality:
    """The modality of a checkpoint with absolute actions for a codec."""
    features = codec.features
    return Modality(
        embodiment="new_embodiment",
        slot=10,
        video_keys=tuple(features.video),
        video_delta=(0,),
        state={feature.key: feature.size for feature in features.state},
        state_delta=(0,),
        actions=tuple(ActionKey(f.key, f.size, ActionConfig()) for f in features.action),
        action_delta=tuple(range(codec.timing.horizon)),
        language_key=features.language,
    )


def measure(load: ServeLoad) -> dict[str, Any]:
    """Overheads of every protocol, in ms, and the conditions of the measurement."""
    result: dict[str, Any] = {
        "conditions": {
            "requests_per_client": load.requests,
            "model_ms": load.model_s * 1e3,
            "cameras": 2,
            "image": list(IMAGE),
            "cpus": os.cpu_count(),
            "load_average": os.getloadavg()[0],
        },
        "protocols": {},
    }
    for protocol in protocol_names():
        result["protocols"][protocol] = [
            _measure(protocol, load, clients) for clients in load.clients
        ]
    return result


def _measure(protocol: str, load: ServeLoad, clients: int) -> dict[str, Any]:
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    server = context.Process(target=_serve, args=(protocol, load.model_s, there), daemon=True)
    server.start()
    try:
        url = _receive(here)
        pipes = []
        for _ in range(clients):
            mine, yours = context.Pipe()
            arguments = (url, load.requests, yours)
            context.Process(target=_ask, args=arguments, daemon=True).start()
            pipes.append(mine)
        for pipe in pipes:
            _receive(pipe)
        for pipe in pipes:
            pipe.send("go")
        overheads = [overhead for pipe in pipes for overhead in pipe.recv()]
    finally:
        server.terminate()
        server.join()
    p50, p99 = np.percentile(overheads, [50, 99]) * 1e3
    return {"clients": clients, "overhead_ms_p50": float(p50), "overhead_ms_p99": float(p99)}


def _receive(pipe: Pipe) -> Any:
    if not pipe.poll(START_TIMEOUT_S):
        raise UserError(f"a process of the benchmark did not start in {START_TIMEOUT_S:g} s")
    return pipe.recv()


def _serve(protocol: str, model_s: float, pipe: Pipe) -> None:
    model, thread = StandInModel(model_s), ModelThread()
    config = ServerConfig(VARIANT, HOST, 0)
    asyncio.run(server_of(protocol)(model, thread, config, pipe.send))


def _ask(url: str, requests: int, pipe: Pipe) -> None:
    config = RemoteConfig(url, ANSWER_TIMEOUT_S)
    policy = RemotePolicy(config, find_codec(VARIANT), load_robot(ROBOT))
    policy.open()
    rng = np.random.default_rng()
    seen = Observation(
        stamp_ns=0,
        images={name: rng.integers(0, 255, IMAGE, np.uint8) for name in ("exterior", "wrist")},
        instruction="pick up the red cube",
        signals=arm_signals(ee_pose=EE_POSE.blank, joint_position=np.zeros(7), grip=0.0),
    )
    for _ in range(WARM_UP):
        policy.predict(seen)
    pipe.send("warm")
    pipe.recv()
    overheads = []
    for index in range(requests):
        began_s = time.monotonic()
        trip = policy.predict(replace(seen, stamp_ns=index)).round_trip
        overheads.append(time.monotonic() - began_s - trip.server_s)
    pipe.send(overheads)
