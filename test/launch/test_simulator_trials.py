"""`groot-ros evaluate --simulator`: scenes of somebody's own simulator, which judges them."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import av
import pytest

from groot_ros.errors import UserError
from groot_ros.nodes.clients.simulator_trials import SimulatorTrials, run_simulator_trials
from groot_ros.policies.factory import PolicyChoice
from groot_ros.sim.trials import Films

CART = Path(__file__).parents[1] / "nodes/cart.py"
ROBOT = """
robot: cart
base_frame: world
observations:
  joint_position: {topic: /cart/joint_states, joints: [x]}
  cameras: {side: {topic: /cart/image_raw}}
commands: {joint_position: {topic: /cart/positions}}
limits:
  joint_lower: [-1.0]
  joint_upper: [1.0]
  joint_velocity: [1.0]
  joint_acceleration: [5.0]
output: {profile: joint_stream, rate: 20}
"""
# At 0.4 m and at 0.5 m; the goal is beyond 0.5 m, where swaying a little leads to.
SCENE, LIMIT_S = 4, 2.0
SWAY = PolicyChoice("sway", "sway")


def trials(folder: Path, **other: object) -> SimulatorTrials:
    robot = folder / "cart.yaml"
    robot.write_text(ROBOT)
    given = {"robot": str(robot), "instruction": "go", "count": 2, "seed": SCENE}
    return SimulatorTrials(**{**given, "time_limit_s": LIMIT_S, **other})


@pytest.mark.usefixtures("ros_domain")
def test_the_simulator_judges_scene_after_scene(tmp_path: Path) -> None:
    films = Films(tmp_path)
    films.clear()
    command = [sys.executable, CART, "--ros-args", "-p", "real_time_factor:=20.0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as cart:
        try:
            failed, succeeded = run_simulator_trials(SWAY, trials(tmp_path), films)
        finally:
            cart.send_signal(signal.SIGINT)
        _, errors = cart.communicate(timeout=60)
    assert cart.returncode == 0, errors
    assert "goes on without" not in errors
    assert (failed.scene, failed.succeeded, failed.duration_s) == (SCENE, False, LIMIT_S)
    assert (succeeded.scene, succeeded.succeeded) == (SCENE + 1, True)
    assert 0.0 < succeeded.duration_s < LIMIT_S and succeeded.picture is not None
    film = films.path(SCENE, succeeded=False)
    with av.open(str(film)) as container:
        pictures = list(container.decode(video=0))
    # A picture in each of its periods of 50 ms.
    assert len(pictures) == pytest.approx(LIMIT_S / 0.05, abs=4)
    assert "process has died" not in (tmp_path / "nodes.log").read_text()


@pytest.mark.parametrize(
    ("other", "sentence"),
    [
        ({"instruction": " "}, "no --instruction says what to do"),
        ({"count": 0}, "episodes is 0, expected 1 or more"),
        ({"time_limit_s": 0.0}, "time-limit is 0 s, expected more than 0"),
    ],
)
def test_trials_that_cannot_be(tmp_path: Path, other: dict[str, object], sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        trials(tmp_path, **other)
