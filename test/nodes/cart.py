"""A cart on a line as somebody's own simulator, in a process of its own."""

from __future__ import annotations

import sys

import numpy as np
from sensor_msgs.msg import Image, JointState
from std_msgs.msg import Float64, Float64MultiArray, Header

from groot_ros.nodes.drivers.driver_messages import image
from groot_ros.nodes.messages import to_time
from groot_ros.nodes.sim.simulator_node import SimulatorNode, run_simulator

PERIOD_S = 0.05
GOAL_M = 0.5
STATES, COMMANDS, PICTURES = "cart/joint_states", "cart/velocity", "cart/image_raw"


class Cart(SimulatorNode):
    """Begins at a tenth of its scene's number, and goes as fast or to where it is told."""

    period_s = PERIOD_S

    def __init__(self) -> None:
        super().__init__()
        self._place_m = self._velocity = 0.0
        self._states = self.create_publisher(JointState, STATES, 10)
        self._pictures = self.create_publisher(Image, PICTURES, 10)
        self.create_subscription(Float64, COMMANDS, self._obey, 1)
        self.create_subscription(Float64MultiArray, "cart/positions", self._go, 1)

    def show(self, scene: int) -> None:
        self._place_m, self._velocity = scene / 10, 0.0

    def publish(self, now_ns: int) -> None:
        header = Header(stamp=to_time(now_ns))
        self._states.publish(JointState(header=header, name=["x"], position=[self._place_m]))
        # No two are the same, as no sensor's are.
        picture = np.full((16, 16, 3), now_ns // 10**6 % 200 + 50, np.uint8)
        self._pictures.publish(image(picture, now_ns, "cart"))

    def advance(self) -> bool:
        self._place_m += PERIOD_S * self._velocity
        return self._place_m > GOAL_M

    def _go(self, message: Float64MultiArray) -> None:
        self._place_m = message.data[0]

    def _obey(self, message: Float64) -> None:
        self._velocity = message.data


if __name__ == "__main__":
    sys.exit(run_simulator(Cart))
