"""Demonstrates the cube transfer with two scripted leader arms, and has it recorded."""

from __future__ import annotations

import argparse

import numpy as np
from geometry_msgs.msg import Point
from numpy.typing import NDArray
from plan import ARMS, JOINTS, RATE_HZ, leaders
from sensor_msgs.msg import JointState
from std_msgs.msg import Float64MultiArray, Header

from groot_ros.nodes.clients.operator_node import ACTIVE, running_node
from groot_ros.nodes.clients.scene_node import SceneNode
from groot_ros.nodes.messages import to_time
from groot_ros.nodes.qos import LATCHED
from groot_ros.observation.fields import NS

Array = NDArray[np.float64]

INSTRUCTION = "hand the red cube over to the left arm"
PUSHES, PUSH_S, PUSH_RAD = 3, 0.8, 0.06
"""So often in an episode the arms are pushed away from their leaders, for so long and so far."""


class Demonstrator(SceneNode):
    """Moves the leaders at every tick, and the arms with them as a teleoperation would."""

    def __init__(self) -> None:
        super().__init__("demonstrator")
        self.cube: Point | None = None
        self._course: list[tuple[Array, Array, Array]] = []
        self._leaders, self._commands = (
            {arm: self.create_publisher(kind, topic.format(arm), 10) for arm in ARMS}
            for kind, topic in (
                (JointState, "/leader_{}/joint_states"),
                (Float64MultiArray, "/{}/commands"),
            )
        )
        self.create_subscription(Point, "sim/cube", self._on_cube, LATCHED)

    def demonstrate(self, scene: int) -> bool:
        """Record one episode; whether the simulator calls it a success."""
        self.cube = None
        self.show_scene(scene)
        self.spin_until(lambda: self.cube is not None, 10.0)
        assert self.cube
        joints, grips = leaders(np.array([self.cube.x, self.cube.y, 0.02]))
        pushed = joints + pushes(len(joints), np.random.default_rng(scene))
        self.tell("recorder/set_instruction", INSTRUCTION)
        self.trigger("recorder/start")
        self._course = list(zip(joints, pushed, grips, strict=True))
        self.clock.stop_at(self.clock.now_ns + round(len(joints) / RATE_HZ * NS))
        self.trigger("recorder/success" if self.succeeded else "recorder/failure")
        return self.succeeded

    def _on_tick(self, now_ns: int) -> None:
        super()._on_tick(now_ns)
        if not self._course:
            return
        joints, pushed, grips = self._course.pop(0)
        header = Header(stamp=to_time(now_ns), frame_id="world")
        for index, arm in enumerate(ARMS):
            opening = 1.0 - float(grips[index])
            self._leaders[arm].publish(
                JointState(
                    header=header,
                    name=[*JOINTS, "gripper"],
                    position=[*joints[index].tolist(), opening],
                )
            )
            commanded = [*pushed[index].tolist(), opening]
            self._commands[arm].publish(Float64MultiArray(data=commanded))

    def _on_cube(self, message: Point) -> None:
        self.cube = message


def pushes(count: int, rng: np.random.Generator) -> Array:
    """Offsets (count, 2, 6) in rad that come and go, smoothly."""
    found = np.zeros((count, len(ARMS), len(JOINTS)))
    length = round(PUSH_S * RATE_HZ)
    wave = np.sin(np.linspace(0.0, np.pi, length)) ** 2
    for _ in range(PUSHES):
        begin = int(rng.integers(0, count - length))
        found[begin : begin + length] += wave[:, None, None] * rng.normal(
            0.0, PUSH_RAD, found.shape[1:]
        )
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--episodes", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1000, help="scene of the first episode")
    args = parser.parse_args()
    succeeded = 0
    with running_node(Demonstrator) as node:
        node.wait_for_state("recorder", ACTIVE, lambda: True)
        for index in range(args.episodes):
            succeeded += node.demonstrate(args.seed + index)
            print(f"{index + 1} recorded, {succeeded} with success", flush=True)
        node.clock.leave()


if __name__ == "__main__":
    main()
