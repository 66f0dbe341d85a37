"""A policy at a server of NVIDIA: its dialects, and answers that are none."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from remote_policies import opened, remote
from served_models import RecordingModel, expected_steps, gr00t_server, observation

from groot_ros.errors import UserError
from groot_ros.policy import PolicyLost
from groot_ros.serving.gr00t_server import Gr00tServer
from groot_ros.wire import nvidia_wire
from groot_ros.wire.nvidia_wire import Form


@pytest.mark.parametrize(
    ("marker", "form"),
    [(nvidia_wire.MODALITY, Form.NPY), (nvidia_wire.NEW_MODALITY, Form.MSGPACK_NUMPY)],
)
def test_requests_have_the_form_of_nvidias_server(marker: str, form: Form) -> None:
    asked_in = []

    class Theirs(Gr00tServer):
        """Knows one form alone, and nothing of this package."""

        async def _handle(self, request: Any) -> Any:
            reply = await super()._handle(request)
            match request["endpoint"]:
                case "ping":
                    del reply["groot_ros"]
                case "get_modality_config":
                    fields = {part: entry["as_json"] for part, entry in reply.items()}
                    return {part: {marker: True, "as_json": fields[part]} for part in fields}
            return reply

        async def _answer(self, envelope: Any, body: bytes) -> None:
            asked_in.append(nvidia_wire.read(body).form)
            await super()._answer(envelope, body)

    model = RecordingModel("ee")
    with gr00t_server(model, kind=Theirs) as url, opened(url, "ee") as policy:
        chunk, meant = policy.predict(observation(0.42)), expected_steps(model, observation(0.42))
        np.testing.assert_allclose(chunk.signals["ee_pose"], meant["ee_pose"], atol=1e-6)
    assert [asked for asked in asked_in if asked] == [form]


class FlatServer(Gr00tServer):
    """Speaks as NVIDIA's N1.5 does: flat keys, no batch, no reset, JSON in the config."""

    async def _handle(self, request: Any) -> Any:
        match request["endpoint"]:
            case "reset":
                raise UserError("Unknown endpoint: reset")
            case "ping":
                return {"status": "ok", "message": "Server is running"}
            case "get_modality_config":
                config = await super()._handle(request)
                for part, entry in config.items():
                    fields = entry["as_json"]
                    keys = [
                        k if part == "language" else f"{part}.{k}" for k in fields["modality_keys"]
                    ]
                    kept = {"delta_indices": fields["delta_indices"], "modality_keys": keys}
                    entry["as_json"] = json.dumps(kept)
                return config
        data = request["data"]
        language = self._served.modality.language_key
        nested = {
            part: {
                key.removeprefix(f"{part}."): value[None]
                for key, value in data.items()
                if key.startswith(f"{part}.")
            }
            for part in ("video", "state")
        }
        nested["language"] = {language: [data[language]]}
        action, _ = await self._get_action({"observation": nested})
        flat = {f"action.{key}": values[0] for key, values in action.items()}
        return {**flat, "action.grip": flat["action.grip"][:, 0]}


def test_n15_servers_with_their_flat_keys_are_understood() -> None:
    model = RecordingModel("ee")
    with (
        gr00t_server(model, kind=FlatServer) as url,
        opened(url, "ee", action_rate_hz=10.0) as policy,
    ):
        policy.reset("pick up the red cube")
        chunk, meant = policy.predict(observation(0.42)), expected_steps(model, observation(0.42))
        np.testing.assert_allclose(chunk.signals["ee_pose"], meant["ee_pose"], atol=1e-6)
        np.testing.assert_allclose(chunk.signals["grip"], meant["grip"], atol=1e-6)
        assert chunk.step_ns == 100_000_000
        with pytest.raises(UserError, match="does not fit variant joints_traj"):
            remote(url, "joints_traj").open()


@pytest.mark.parametrize(
    "answer",
    [
        [],
        {},
        [{"ee_pose": np.ones((1, 16, 9))}, {}],
        [{"ee_pose": np.ones((2, 16, 9)), "grip": np.ones((2, 16, 1))}, {}],
        [{"ee_pose": np.full((1, 16, 9), np.nan), "grip": np.ones((1, 16, 1))}, {}],
        [{"ee_pose": "x", "grip": 1}, {}],
    ],
)
def test_nonsense_of_a_server_is_a_sentence_and_no_chunk(answer: Any) -> None:
    class Nonsense(Gr00tServer):
        async def _get_action(self, data: dict[str, Any]) -> Any:
            return answer

    with (
        gr00t_server(RecordingModel(), kind=Nonsense) as url,
        opened(url) as policy,
        pytest.raises(UserError) as raised,
    ):
        policy.predict(observation())
    assert not isinstance(raised.value, PolicyLost)


@pytest.mark.parametrize("rate_hz", [-15.0, float("inf"), float("nan"), 1e-30])
def test_a_rate_that_none_can_have_is_refused(rate_hz: float) -> None:
    class Rated(Gr00tServer):
        async def _handle(self, request: Any) -> Any:
            reply = await super()._handle(request)
            if "groot_ros" in reply:
                reply["groot_ros"]["action_rate_hz"] = rate_hz
            return reply

    refused = pytest.raises(UserError, match="expected 0.1 to 1000: set action")
    with gr00t_server(RecordingModel(), kind=Rated) as url, refused:
        remote(url).open()


@pytest.mark.parametrize("keys", [[{}], [5], "language", [[]]])
def test_keys_that_are_no_texts_are_refused(keys: Any) -> None:
    class Keyed(Gr00tServer):
        async def _handle(self, request: Any) -> Any:
            reply = await super()._handle(request)
            if "language" in reply:
                reply["language"]["as_json"]["modality_keys"] = keys
            return reply

    refused = pytest.raises(UserError, match="answers get_modality_config with something else")
    with gr00t_server(RecordingModel(), kind=Keyed) as url, refused:
        remote(url).open()
