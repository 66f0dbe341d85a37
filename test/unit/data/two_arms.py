"""A robot of two arms, and a bag in which each is led in its own way."""

from __future__ import annotations

from typing import Any

import numpy as np
import yaml
from arm_bags import FRAME, JOINTS, ArmBag, Message, joints, pose, times
from label_bags import array

from groot_ros.observation.signal_messages import FLOATS, JOINT_STATE, POSE
from groot_ros.share import share_file

ARMS = ("left", "right")
LEAD_S = 0.1
"""Leaders are where the arm will be so much later."""
FINGER = "fr3_finger_joint1"


def own_time(arm: str, time_s: float) -> float:
    """Where an arm is in the motion of all: the right one goes back from 2 s."""
    return time_s if arm == "left" else 2.0 - time_s


def closure(arm: str, time_s: float) -> float:
    return float(np.clip(own_time(arm, time_s) - 0.5, 0.0, 1.0))


def robot_values(**changes: Any) -> dict[str, Any]:
    """Two of the simulated arm side by side, each with leader, target pose and controllers."""
    sim = yaml.safe_load(share_file("config/robots/sim.yaml").read_text())
    limits = {key: value for key, value in sim["limits"].items() if key.startswith("joint")}
    return {
        "robot": "pair",
        "base_frame": "table",
        "command_rate": 100,
        "urdf": str(share_file("urdf/sim_arm.urdf")),
        "cameras": {"exterior": {"topic": "/exterior/image_raw"}},
        "arms": {arm: _arm(arm, limits) for arm in ARMS},
        **changes,
    }


def _arm(arm: str, limits: dict[str, Any]) -> dict[str, Any]:
    fingers = {"joint": FINGER, "open": 0.04, "closed": 0.0}
    return {
        "base_frame": FRAME,
        "observations": {
            "joint_position": {"topic": f"/{arm}/joint_states", "joints": list(JOINTS)},
            "ee_pose": {"topic": f"/{arm}/ee_pose"},
            "grip": {"topic": f"/{arm}/joint_states", **fingers},
        },
        "labels": {
            "joint_position": {"topic": f"/{arm}/leader/joint_states"},
            "ee_pose": {"topic": f"/{arm}/target_pose"},
            "grip": {"topic": f"/{arm}/gripper", "type": "array"},
        },
        "output": {
            "profile": "joint_stream",
            "topic": f"/{arm}/commands",
            "grip": {"topic": f"/{arm}/gripper", "type": "array"},
        },
        "limits": dict(limits),
    }


def messages(arm: ArmBag) -> list[Message]:
    """What both arms measure and are told, and one camera."""
    found = arm.images(["exterior"])
    maker = arm.maker
    for name in ARMS:
        for time_s in times(arm.seconds, 50.0):
            stamp_ns, moved = arm.stamp_ns(time_s), own_time(name, time_s)
            by_name = dict(zip(JOINTS, joints(moved).tolist(), strict=True))
            wanted = own_time(name, time_s + LEAD_S)
            asked = dict(zip(JOINTS, joints(wanted).tolist(), strict=True))
            fingers = {FINGER: 0.04 * (1.0 - closure(name, time_s))}
            told = array(maker, [closure(name, time_s + LEAD_S)])
            found += [
                Message(topic, kind, time_s, data)
                for topic, kind, data in (
                    (
                        f"/{name}/joint_states",
                        JOINT_STATE,
                        maker.joint_state(stamp_ns, by_name | fingers),
                    ),
                    (f"/{name}/ee_pose", POSE, maker.pose(stamp_ns, FRAME, pose(moved))),
                    (
                        f"/{name}/leader/joint_states",
                        JOINT_STATE,
                        maker.joint_state(stamp_ns, asked),
                    ),
                    (f"/{name}/target_pose", POSE, maker.pose(stamp_ns, FRAME, pose(wanted))),
                    (f"/{name}/gripper", FLOATS, told),
                )
            ]
    return found
