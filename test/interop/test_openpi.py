"""openpi's client, unchanged, and the server for it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from served_models import RecordingModel, expected_steps, observation
from test_websocket_servers import openpi, openpi_observation


def test_openpi_client_is_answered(environment: Any, tmp_path: Path) -> None:
    theirs = environment("openpi", ("openpi-client==0.1.2", "typing-extensions"))
    model = RecordingModel()
    sent = tmp_path / "observation.npz"
    np.savez(sent, **openpi_observation(model))
    with openpi(model, token="secret") as url:
        got = json.loads(theirs.run("openpi_ask.py", url.rsplit(":", 1)[1], sent))
    meant = expected_steps(model, observation(0.4))
    np.testing.assert_allclose(np.array(got["actions"])[:, :7], meant["ee_pose"], atol=1e-6)
    assert got["metadata"][-1] == "grip" and "infer_ms" in got["timing"]
