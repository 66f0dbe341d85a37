"""A client of `groot-ros serve`, of NVIDIA's, Positronic's or openpi's server: `client.py URL`."""

from __future__ import annotations

import sys

import numpy as np

from groot_ros.chunks.chunk import Chunk
from groot_ros.observation.types import Observation
from groot_ros.policies.factory import PolicyChoice, make_policy
from groot_ros.policies.remote.connection import RemoteConfig
from groot_ros.robot.config import load_robot
from groot_ros.signals.signals import arm_signals


def main(url: str, variant: str) -> Chunk:
    robot = load_robot("sim")
    remote = RemoteConfig(url, timeout_s=30.0)  # gr00t://, ws:// or openpi://host:port
    policy = make_policy(PolicyChoice("remote", variant, remote=remote), robot)
    policy.open()
    pictures = {name: np.zeros((224, 224, 3), np.uint8) for name in robot.observations.cameras}
    pose = [0.5, 0.0, 0.3, 0.0, 1.0, 0.0, 0.0]
    signals = arm_signals(ee_pose=pose, joint_position=np.zeros(7), grip=0.0)
    chunk = policy.predict(Observation(0, pictures, "pick up the red cube", signals))
    print(f"{chunk.signals.steps} steps of {', '.join(chunk.signals)} from {url}")
    policy.close()
    return chunk


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else "ee_rot6d_joints_rel")
