"""A policy whose server is not there, dies or is late."""

from __future__ import annotations

import threading
import time
from contextlib import ExitStack
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from remote_policies import SERVERS, opened
from served_models import GENEROUS_S, RecordingModel, expected_steps, gr00t_server, observation

from groot_ros.chunks.chunk import Chunk
from groot_ros.codecs.catalog import find_codec
from groot_ros.errors import UserError
from groot_ros.observation.buffer import Ages
from groot_ros.policies.inference import InferenceLoop
from groot_ros.policies.inference_types import Inference, Void
from groot_ros.policies.remote.connection import RemoteConfig
from groot_ros.policies.remote.policy import RemotePolicy
from groot_ros.policy import PolicyLost
from groot_ros.robot.config import load_robot
from groot_ros.signals.signals import arm_signals


def test_no_server_is_one_sentence() -> None:
    with pytest.raises(UserError, match="groot-ros serve"):
        policy = RemotePolicy(
            RemoteConfig("ws://127.0.0.1:1"), find_codec("ee"), load_robot("sim")
        )
        policy.open()


def test_a_server_that_dies_in_a_request_is_missed_at_once_and_found_again() -> None:
    model, gate = RecordingModel(), threading.Event()
    with ExitStack() as stack:
        url = stack.enter_context(gr00t_server(model, allow_kill=True))
        policy = stack.enter_context(opened(url, timeout_s=600.0))
        other = stack.enter_context(opened(url))
        first = policy.predict(observation())
        asked = threading.Event()
        model.before = lambda: (asked.set(), gate.wait(GENEROUS_S))
        lost: list[Exception] = []

        def ask() -> None:
            try:
                policy.predict(observation())
            except PolicyLost as error:
                lost.append(error)

        thread = threading.Thread(target=ask)
        thread.start()
        assert asked.wait(GENEROUS_S)
        other._connection._call("kill", None, GENEROUS_S)  # type: ignore[attr-defined]
        thread.join(GENEROUS_S)
        assert lost and "has gone" in str(lost[0])
        gate.set()
        model.before = lambda: None
    port = int(url.rsplit(":", 1)[1])
    with gr00t_server(model, port):
        chunk = wait_for_chunk(policy)
        np.testing.assert_allclose(chunk.signals["ee_pose"], first.signals["ee_pose"])
    policy.close()


def wait_for_chunk(policy: RemotePolicy) -> Any:
    deadline_s = time.monotonic() + GENEROUS_S
    while True:
        try:
            return policy.predict(observation())
        except PolicyLost:
            assert time.monotonic() < deadline_s
            time.sleep(0.01)


@SERVERS
def test_a_late_answer_is_a_loss_and_never_taken_for_the_next_one(server: Any) -> None:
    model, gate = RecordingModel(), threading.Event()
    with server(model) as url, opened(url, timeout_s=0.2) as policy:
        model.before = lambda: gate.wait(GENEROUS_S)
        with pytest.raises(PolicyLost, match="did not answer in 0.2 s"):
            policy.predict(observation(0.4))
        model.before = lambda: None
        gate.set()
        chunk = wait_for_chunk(policy)
        assert chunk.signals["ee_pose"][0, 0] == pytest.approx(0.5)


class Losing:
    """A policy that is lost in its second prediction and for some time after."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.lost = False

    def reset(self, instruction: str) -> None:
        self.calls.append("reset")
        if self.lost:
            raise PolicyLost("the server has gone")

    def predict(self, seen: Any, prefix: Any = None) -> Any:
        self.calls.append("predict")
        if self.lost:
            raise PolicyLost("the server has gone")
        steps = expected_steps(RecordingModel(), seen)
        return Chunk(
            seen.stamp_ns,
            100_000_000,
            signals=arm_signals(ee_pose=steps["ee_pose"], grip=steps["grip"]),
        )


def test_the_loop_tells_a_loss_once_and_goes_on_in_a_new_epoch() -> None:
    policy, published, epochs = Losing(), [], []
    warnings: list[str] = []
    stamps = iter(range(1, 1_000_000))
    enough, refused = threading.Event(), threading.Event()

    def publish(inference: Inference) -> None:
        published.append(inference.chunk.epoch)
        if len(published) == 2:
            policy.lost = True
        if len(published) == 4:
            enough.set()

    def observe(instruction: str, after_ns: int) -> Any:
        return observation(stamp_ns=next(stamps), size=8), Ages({}, 0.0)

    def void(void: Void) -> None:
        epochs.append(void.epoch)
        if len(epochs) == 2:
            refused.set()

    loop = InferenceLoop(
        policy=policy,  # type: ignore[arg-type]
        observe=observe,
        outlet=SimpleNamespace(publish=publish, void=void, warn=warnings.append),
        now_ns=lambda: 0,
        instruction="go",
    )
    first = loop.start()
    assert refused.wait(GENEROUS_S)
    deadline_s = time.monotonic() + GENEROUS_S
    while policy.calls[-3:] != ["reset"] * 3:
        assert time.monotonic() < deadline_s
        time.sleep(0.01)
    assert loop.waiting_for == "the server has gone" and len(warnings) == 1
    policy.lost = False
    assert enough.wait(GENEROUS_S)
    assert loop.close(GENEROUS_S)
    assert len(epochs) == 2 and epochs[1] > epochs[0] == first
    assert published[:2] == [first] * 2 and set(published[2:]) == {epochs[1]}
    assert loop.waiting_for == ""
