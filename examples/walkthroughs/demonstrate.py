"""Demonstrations of any robot file without the robot: `demonstrate.py ROBOT OUTPUT`.

An arm made of the robot file follows a leader to a place that differs from episode to episode,
closes its gripper there and goes home. Every topic that a dataset needs is in the bags: states,
cameras, and what the leader commanded. The cameras see two dots: the place, and where the arm is.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from groot_ros.cameras.compressed_image import COMPRESSED_IMAGE
from groot_ros.cameras.image import IMAGE
from groot_ros.data.bags.episode_info import SUCCESS, EpisodeInfo
from groot_ros.data.bags.metadata import Topic
from groot_ros.data.bags.serialized import MessageMaker
from groot_ros.data.bags.writer import BagWriter
from groot_ros.observation.signal_messages import JOINT_STATE, POSE
from groot_ros.robot.config import RobotConfig, load_robot
from groot_ros.robot.urdf import load_urdf
from groot_ros.sim.fake.arm import FakeArm, resting_state
from groot_ros.sim.fake.kinematics import fake_kinematics, joint_range

Array = NDArray[np.float64]

TRAJECTORY = "trajectory_msgs/msg/JointTrajectory"
INSTRUCTION = "touch the green dot"
BEGIN_NS = 1_700_000_000_000_000_000
RATE_HZ, CAMERA_HZ = 60, 15
SECONDS = 5.0
# How far the arm goes, as a share of the range of each joint.
REACH = 0.15
SIZE = 224


class Arm:
    """One arm of the robot: its leader's way, and how it follows."""

    def __init__(self, robot: RobotConfig, random: np.random.Generator) -> None:
        self.robot = robot
        urdf = load_urdf(robot.urdf) if robot.urdf else None
        kinematics = fake_kinematics(robot, urdf) if urdf else None
        start = resting_state(robot, urdf, kinematics)
        assert start.joints is not None, "a walkthrough is of arms that tell their joints"
        lower, upper = joint_range(robot)
        self._home = start.joints
        self.way = random.uniform(-REACH, REACH, 2)
        along = np.resize(self.way, len(self._home)) * (upper - lower)
        self._goal = np.clip(self._home + along, lower, upper)
        self.has_pose = bool(kinematics and robot.observations.ee_pose)
        self.fake = FakeArm(robot, start, BEGIN_NS, kinematics=kinematics)

    def led(self, time_s: float) -> tuple[Array, float]:
        """Joints and closure of the leader: out in 2 s, closed for one, back in 2 s."""
        share = np.interp(time_s, [0.2, 2.0, 3.0, 4.8], [0.0, 1.0, 1.0, 0.0])
        smooth = share * share * (3 - 2 * share)
        closure = float(np.interp(time_s, [2.0, 2.05, 2.95, 3.0], [0.0, 1.0, 1.0, 0.0]))
        return self._home + smooth * (self._goal - self._home), closure

    def done(self) -> Array:
        """How far (2,) the arm has come, in the units of `way`."""
        joints = self.fake.state.joints
        assert joints is not None
        lower, upper = joint_range(self.robot)
        return np.asarray(((joints - self._home) / (upper - lower))[:2])


class Recording:
    """The bag of an episode."""

    def __init__(self, path: Path, robot: RobotConfig, seed: int) -> None:
        self._robot = robot
        self._maker = MessageMaker()
        random = np.random.default_rng(seed)
        self._arms = [Arm(arm, random) for arm in robot.each_arm]
        self._writer = BagWriter(path, compress=True)
        self._known: set[str] = set()

    def run(self) -> None:
        """Record the episode as a success."""
        for tick in range(round(SECONDS * RATE_HZ)):
            now_ns = BEGIN_NS + tick * 10**9 // RATE_HZ
            for arm in self._arms:
                joints, closure = arm.led(tick / RATE_HZ)
                arm.fake.follow_joints(joints)
                arm.fake.follow_grip(closure)
                arm.fake.advance(now_ns)
                for topic, type_name, data in self._of_arm(arm, joints, closure, now_ns):
                    self._write(topic, type_name, data, now_ns)
            if tick % (RATE_HZ // CAMERA_HZ) == 0:
                self._look(now_ns)
        info = EpisodeInfo(
            episode=self._writer.path.name,
            robot=self._robot.name,
            instruction=INSTRUCTION,
            outcome=SUCCESS,
            reason="stopped",
        )
        self._writer.annotate(info.to_custom_data())
        self._writer.finish()

    def _write(self, topic: str, type_name: str, data: bytes, now_ns: int) -> None:
        name = f"/{topic.lstrip('/')}"
        if name not in self._known:
            self._known.add(name)
            self._writer.add_topic(Topic(name, type_name))
        self._writer.write(name, now_ns, now_ns, data)

    def _of_arm(
        self, arm: Arm, joints: Array, closure: float, now_ns: int
    ) -> Iterator[tuple[str, str, bytes]]:
        """States of the arm, and what its leader says."""
        streams, labels, state = arm.robot.observations, arm.robot.labels, arm.fake.state
        stream, grip = streams.joint_position, streams.grip
        assert stream and grip and state.joints is not None
        told: dict[str, dict[str, float]] = {}
        told[stream.topic] = dict(zip(stream.joints, state.joints.tolist(), strict=True))
        told.setdefault(grip.topic, {})[grip.joint or "grip"] = grip.raw(state.grip)
        label = labels["joint_position"]
        if label.type == "trajectory" or not label.topic.endswith("joint_states"):
            yield label.topic, TRAJECTORY, self._trajectory(stream.joints, joints, now_ns)
        else:
            told[label.topic] = dict(zip(stream.joints, joints.tolist(), strict=True))
            closing = labels.get("grip")
            if closing and closing.topic == label.topic:
                told[label.topic][closing.joint] = closing.raw(closure)
        for topic, positions in told.items():
            yield topic, JOINT_STATE, self._maker.joint_state(now_ns, positions)
        if arm.has_pose:
            assert streams.ee_pose and state.pose is not None
            pose = self._maker.pose(now_ns, arm.robot.base_frame, state.pose)
            yield streams.ee_pose.topic, POSE, pose

    def _trajectory(self, names: tuple[str, ...], joints: Array, now_ns: int) -> bytes:
        soon = self._maker.new("builtin_interfaces/msg/Duration", sec=0, nanosec=50_000_000)
        empty = np.zeros(0)
        point = self._maker.new(
            "trajectory_msgs/msg/JointTrajectoryPoint",
            positions=joints,
            velocities=empty,
            accelerations=empty,
            effort=empty,
            time_from_start=soon,
        )
        header = self._maker.header(now_ns, "")
        return self._maker.make(TRAJECTORY, header=header, joint_names=list(names), points=[point])

    def _look(self, now_ns: int) -> None:
        for name, camera in self._robot.observations.cameras.items():
            picture = np.full((SIZE, SIZE, 3), 40, np.uint8)
            for place, color in self._dots():
                center = (SIZE / 2 + place * SIZE / (2.5 * REACH)).astype(int)
                cv2.circle(picture, (int(center[0]), int(center[1])), 9, color, -1)
            if camera.topic.endswith("compressed"):
                encoded = cv2.imencode(".jpg", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))[1]
                header = self._maker.header(now_ns, name)
                data = self._maker.make(
                    COMPRESSED_IMAGE, header=header, format="jpeg", data=encoded.ravel()
                )
                self._write(camera.topic, COMPRESSED_IMAGE, data, now_ns)
            else:
                self._write(camera.topic, IMAGE, self._maker.image(now_ns, name, picture), now_ns)

    def _dots(self) -> Iterator[tuple[Array, tuple[int, int, int]]]:
        for arm in self._arms:
            yield arm.way, (30, 200, 60)
            yield arm.done(), (235, 120, 30)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("robot")
    parser.add_argument("output", type=Path)
    parser.add_argument("--episodes", type=int, default=4)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    for index in range(given.episodes):
        path = given.output / f"episode_{index:06d}"
        Recording(path, load_robot(given.robot), given.seed + index).run()
    print(f"wrote {given.output}: {given.episodes} bags of {SECONDS:g} s")
