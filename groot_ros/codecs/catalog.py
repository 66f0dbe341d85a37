"""The variants that a user can name. Codec, key and config names are those of Positronic's GR00T
integration, so that datasets and checkpoints interoperate."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from groot_ros.codecs.codec import Codec, Timing, Video
from groot_ros.codecs.parts import (
    ActionPart,
    Grip,
    Numbers,
    ObservationPart,
    Part,
    PoseQuat,
    PoseRot6d,
)
from groot_ros.errors import UserError
from groot_ros.robot.config import RobotConfig
from groot_ros.signals.signals import EE_POSE, GRIP, JOINT_POSITION

_QUAT, _ROT6D, _GRIP = PoseQuat(EE_POSE), PoseRot6d(EE_POSE), Grip(GRIP)


def _ee(pose: Part) -> Callable[[RobotConfig, Timing], Codec]:
    return lambda robot, timing: _codec(robot, timing, (_GRIP, pose), (pose, _GRIP))


def _ee_joints(pose: Part) -> Callable[[RobotConfig, Timing], Codec]:
    return lambda robot, timing: _codec(
        robot, timing, (_GRIP, pose, _joints(robot)), (pose, _GRIP)
    )


def _joints_only(robot: RobotConfig, timing: Timing) -> Codec:
    return _codec(robot, timing, (_GRIP, _joints(robot)), (_joints(robot), _GRIP))


def _joints(robot: RobotConfig) -> Numbers:
    name = JOINT_POSITION.name
    if name not in robot.observations.signals:
        raise UserError(
            f"robot {robot.name} has no observations.{name}, which this variant reads: "
            "add it to the robot file or choose a variant without joints"
        )
    return Numbers(robot.observations.spec(name))


def _codec(
    robot: RobotConfig, timing: Timing, state: tuple[Part, ...], action: tuple[Part, ...]
) -> Codec:
    cameras = {stream.key: name for name, stream in robot.observations.cameras.items()}
    if not cameras:
        raise UserError(f"robot {robot.name} has no observations.cameras, expected at least one")
    return Codec("", ObservationPart(state), ActionPart(action), Video(cameras), timing)


@dataclass(frozen=True)
class Variant:
    """A codec paired with a modality config; `relative` when the model's processor makes actions
    relative to the observed state."""

    name: str
    codec_name: str
    modality_config: str
    build: Callable[[RobotConfig, Timing], Codec]
    relative: bool = False
    reached: bool = False

    def codec(self, robot: RobotConfig, timing: Timing | None = None) -> Codec:
        """The codec for a robot; UserError when the robot file lacks a signal that it needs."""
        codec = self.build(robot, timing or Timing())
        _check_signals(self, codec, robot)
        if self.reached:
            return codec.reached(self.codec_name)
        return replace(codec, name=self.codec_name)


def _check_signals(variant: Variant, codec: Codec, robot: RobotConfig) -> None:
    for part in codec.state.parts:
        if part.signal.name not in robot.observations.signals:
            raise UserError(
                f"robot {robot.name} has no observations.{part.signal.name}, which variant "
                f"{variant.name} reads: add it to the robot file or choose another variant"
            )


_ALL = (
    Variant("ee", "ee_quat", "ee", _ee(_QUAT)),
    Variant("ee_joints", "ee_quat_joints", "ee_q", _ee_joints(_QUAT)),
    Variant("ee_rot6d", "ee_rot6d", "ee_rot6d", _ee(_ROT6D)),
    Variant("ee_rot6d_joints", "ee_rot6d_joints", "ee_rot6d_q", _ee_joints(_ROT6D)),
    Variant("ee_rot6d_rel", "ee_rot6d", "ee_rot6d_rel", _ee(_ROT6D), relative=True),
    Variant(
        "ee_rot6d_joints_rel",
        "ee_rot6d_joints",
        "ee_rot6d_q_rel",
        _ee_joints(_ROT6D),
        relative=True,
    ),
    Variant("ee_traj", "ee_quat_traj", "ee", _ee(_QUAT), reached=True),
    Variant("ee_joints_traj", "ee_quat_joints_traj", "ee_q", _ee_joints(_QUAT), reached=True),
    Variant("ee_rot6d_traj", "ee_rot6d_traj", "ee_rot6d", _ee(_ROT6D), reached=True),
    Variant(
        "ee_rot6d_joints_traj",
        "ee_rot6d_joints_traj",
        "ee_rot6d_q",
        _ee_joints(_ROT6D),
        reached=True,
    ),
    Variant("joints_traj", "joints_traj", "joints", _joints_only, reached=True),
)
VARIANTS = {variant.name: variant for variant in _ALL}


def find_variant(name: str) -> Variant:
    """The variant of that name; UserError lists the right ones."""
    if name not in VARIANTS:
        raise UserError(f"variant {name!r} is unknown, expected one of {', '.join(VARIANTS)}")
    return VARIANTS[name]


def find_codec(name: str) -> Variant:
    """A variant by its own name or by that of its codec; UserError lists the right ones."""
    if name in VARIANTS:
        return VARIANTS[name]
    for variant in _ALL:
        if variant.codec_name == name:
            return variant
    names = dict.fromkeys([*VARIANTS, *(variant.codec_name for variant in _ALL)])
    raise UserError(f"codec {name!r} is unknown, expected one of {', '.join(names)}")
