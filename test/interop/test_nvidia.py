"""NVIDIA's wire since May 2026 as the library writes it that they use; their own client is not on
PyPI."""

from __future__ import annotations

import json
import subprocess
from typing import Any

import numpy as np
from served_models import GENEROUS_S, RecordingModel, gr00t_server, observation

from groot_ros.wire import nvidia_wire
from groot_ros.wire.gr00t import to_observation

MSGPACK_NUMPY = ("msgpack-numpy==0.4.8", "pyzmq", "numpy")


def test_msgpack_numpy_is_answered_in_its_own_form(environment: Any) -> None:
    theirs = environment("nvidia", MSGPACK_NUMPY)
    model = RecordingModel()
    seen = to_observation(model.codec.encode(observation(0.4)), model.codec.language, 0)
    with gr00t_server(model) as url:
        done = subprocess.run(
            theirs.command("nvidia_client.py", url.rsplit(":", 1)[1]),
            input=nvidia_wire.pack(seen, nvidia_wire.Form.MSGPACK_NUMPY),
            env=theirs.variables,
            capture_output=True,
            timeout=4 * GENEROUS_S,
        )
    assert done.returncode == 0, done.stderr[-2000:]
    got = json.loads(done.stdout)
    assert got["marked"] and got["keys"] == ["ee_pose", "grip"]
    assert set(got["dtypes"]) == {"float32"}
    ends = np.array(got["ee_pose"])[0, :, 0]
    np.testing.assert_allclose(ends, 0.4 + 0.001 * np.arange(16), rtol=1e-5)
