"""A robot file against the robot that a model was made for."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from groot_ros.robot.checking.finding import Finding
from groot_ros.robot.config import RobotConfig
from groot_ros.robot.limits import JOINTS
from groot_ros.signals.signals import of_arm


@dataclass(frozen=True, kw_only=True)
class MadeFor:
    """What a model tells of its robot: the frame of its poses, its joints in the order of its
    columns, of several arms with the arm's name, and its cameras' keys; empty for what it does not
    tell."""

    base_frame: str = ""
    joints: tuple[str, ...] = ()
    cameras: tuple[str, ...] = ()


def model_findings(robot: RobotConfig, made_for: MadeFor) -> Iterator[Finding]:
    """Every difference with the lines that mend it."""
    if made_for.base_frame not in ("", robot.base_frame):
        yield Finding(
            "base_frame",
            f"is {robot.base_frame}, the model's poses are in {made_for.base_frame}: where both "
            f"are one place, write `base_frame: {made_for.base_frame}`; where they are not, move "
            "limits.workspace, limits.points and home.pose into it as well",
        )
    if made_for.joints and made_for.joints != robot.joints:
        yield from _joint_findings(robot, made_for.joints)
    keys = {name: camera.key for name, camera in robot.observations.cameras.items()}
    if made_for.cameras and set(made_for.cameras) != set(keys.values()):
        yield _camera_finding(keys, made_for.cameras)


def _joint_findings(robot: RobotConfig, joints: Sequence[str]) -> Iterator[Finding]:
    if len(joints) != len(robot.joints):
        yield Finding(
            "observations.joint_position.joints",
            f"are {len(robot.joints)}, the model has {len(joints)} ({' '.join(joints)}): it is of "
            "another arm, so choose that robot's file or train for this one",
        )
        return
    if set(joints) != set(robot.joints):
        yield Finding(
            "observations.joint_position.joints",
            f"are {' '.join(robot.joints)}, the model has {' '.join(joints)}: where these are the "
            "same ones under other names, write "
            f'`"joints": {json.dumps(list(robot.joints))}` in groot_ros.json of the checkpoint; '
            "otherwise it is of another arm",
        )
        return
    for name, arm in robot.named_arms.items():
        place = f"arms.{name}." if name else ""
        order = sorted(
            range(len(arm.joints)), key=lambda i: joints.index(of_arm(name, arm.joints[i]))
        )
        if order != list(range(len(order))):
            lines = [f"`{place}{line}`" for line in _reordered(arm, order)]
            yield Finding(
                f"{place}observations.joint_position.joints",
                f"are in another order than the model's: write {', '.join(lines)}",
            )


def _reordered(arm: RobotConfig, order: Sequence[int]) -> Iterator[str]:
    """All that the file says joint by joint, in another order."""
    names = [arm.joints[index] for index in order]
    yield f"observations.joint_position.joints: [{', '.join(names)}]"
    numbers = {f"limits.{key}": getattr(arm.limits, key) for key in JOINTS}
    if arm.home:
        numbers["home.joints"] = arm.home.joints
    for key, values in numbers.items():
        if values is not None and len(set(values)) > 1:
            yield f"{key}: [{', '.join(f'{values[index]:g}' for index in order)}]"


def _camera_finding(keys: Mapping[str, str], cameras: Sequence[str]) -> Finding:
    spare = [key for key in cameras if key not in keys.values()]
    unknown = [name for name, key in keys.items() if key not in cameras]
    lines = [
        f"`cameras.{name}.key: {key}`" for name, key in zip(unknown, spare, strict=False)
    ] or [f"a camera with `key: {key}`" for key in spare]
    told = f"are {' '.join(keys.values())}, the model has {' '.join(cameras)}"
    mend = f"write {', '.join(lines)}" if lines else f"leave out {', '.join(unknown)}"
    return Finding("cameras", f"{told}: {mend}, as far as they see the same")
