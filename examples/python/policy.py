"""A policy from Python: one observation in, one chunk of actions out. No ROS is needed."""

from __future__ import annotations

import numpy as np

from groot_ros.chunks.chunk import Chunk
from groot_ros.observation.types import Observation
from groot_ros.policies.checkpoint.config import LocalPolicyConfig
from groot_ros.policies.checkpoint.folder import shipped_checkpoint
from groot_ros.policies.factory import AUTO, PolicyChoice, make_policy
from groot_ros.robot.config import load_robot
from groot_ros.signals.signals import arm_signals


def main() -> Chunk:
    robot = load_robot("sim")
    checkpoint = LocalPolicyConfig(str(shipped_checkpoint()), seed=0)
    policy = make_policy(PolicyChoice("local", AUTO, checkpoint), robot)
    policy.open()
    pictures = {name: np.zeros((224, 224, 3), np.uint8) for name in robot.observations.cameras}
    pose = [0.5, 0.0, 0.3, 0.0, 1.0, 0.0, 0.0]  # xyz [m] and wxyz of the tool in base_frame
    signals = arm_signals(ee_pose=pose, joint_position=np.zeros(7), grip=0.0)
    chunk = policy.predict(Observation(0, pictures, "pick up the red cube", signals))
    for step, (place, closure) in enumerate(zip(*chunk.signals.arrays, strict=True)):
        print(f"{step * chunk.step_ns / 1e9:.2f} s  xyz {place[:3].round(3)}  grip {closure:.2f}")
    policy.close()
    return chunk


if __name__ == "__main__":
    main()
