"""A simulator of one's own as the clock of its run, in a process of its own."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from cart import COMMANDS, GOAL_M, PERIOD_S, STATES
from sensor_msgs.msg import JointState
from std_msgs.msg import Float64

from groot_ros.nodes.clients.operator_node import running_node
from groot_ros.nodes.clients.scene_node import SceneNode
from groot_ros.observation.fields import NS

CART = Path(__file__).with_name("cart.py")
VELOCITY = 0.5


class Driver(SceneNode):
    """Tells the cart at every tick how fast to go."""

    def __init__(self) -> None:
        super().__init__("driver")
        self.velocity = 0.0
        self.places_m: list[float] = []
        self._commands = self.create_publisher(Float64, COMMANDS, 1)
        self.create_subscription(JointState, STATES, self._on_state, 10)

    def drive(self, scene: int, seconds: float) -> list[float]:
        """Where the cart was at each tick of an episode."""
        self.velocity = 0.0
        self.show_scene(scene)
        self.places_m, self.velocity = [], VELOCITY
        self.clock.stop_at(self.clock.now_ns + round(seconds * NS))
        return self.places_m

    def _on_tick(self, now_ns: int) -> None:
        super()._on_tick(now_ns)
        self._commands.publish(Float64(data=self.velocity))

    def _on_state(self, message: JointState) -> None:
        self.places_m.append(message.position[0])


@pytest.mark.usefixtures("ros_domain")
def test_ones_own_simulator_obeys_what_was_commanded_at_each_tick() -> None:
    """However fast it could go on, and from the first episode on."""
    command = [sys.executable, CART, "--ros-args", "-p", "real_time_factor:=20.0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as cart:
        try:
            with running_node(Driver) as driver:
                for scene in (0, 2, 0):
                    course = np.array(driver.drive(scene, 0.8))
                    moved = course[course > scene / 10 + 1e-9]
                    expected = scene / 10 + PERIOD_S * VELOCITY * np.arange(1, len(moved) + 1)
                    np.testing.assert_allclose(moved, expected, atol=1e-9)
                    assert len(moved) > 10
                    assert driver.succeeded == (expected[-1] > GOAL_M)
                driver.clock.leave()
        finally:
            cart.send_signal(signal.SIGINT)
        _, errors = cart.communicate(timeout=60)
    assert cart.returncode == 0, errors
