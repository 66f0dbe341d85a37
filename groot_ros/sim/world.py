"""The MuJoCo world: the arm of `urdf/sim_arm.urdf` on a table with cubes, and two cameras."""

from __future__ import annotations

from dataclasses import dataclass
from math import degrees
from xml.etree import ElementTree

import mujoco
import numpy as np

from groot_ros.geometry import matrix_to_quat, quat_to_matrix
from groot_ros.share import share_file
from groot_ros.sim.scene import (
    ARM_JOINTS,
    CUBE_COLORS,
    CUBE_SIZE_M,
    EXTERIOR_CAMERA,
    FINGER_JOINTS,
    FINGER_OPEN_M,
    WRIST_CAMERA_FOVY_RAD,
    WRIST_CAMERA_FRAME,
    check_cubes,
)

# Reflected rotor inertias of the Franka Research 3 in kg m^2, as published with Drake's model.
ARMATURE = (0.606, 0.606, 0.462, 0.462, 0.206, 0.206, 0.206)
# Position servos: stiffness in N m/rad and damping in N m s/rad, near critical when stretched.
STIFFNESS = (4500.0, 4500.0, 3500.0, 3500.0, 2000.0, 2000.0, 2000.0)
DAMPING = (250.0, 250.0, 160.0, 160.0, 45.0, 45.0, 45.0)

FINGER_STIFFNESS = 3000.0
FINGER_DAMPING = 60.0
GRASP_FORCE_N = 40.0
# Rubber would wedge a cube that lies askew between the pads; these let it turn until it is flush.
PAD_FRICTION = (0.35, 0.02, 0.001)

CUBE_MASS_KG = 0.08
TABLE_HEIGHT_M = 0.72
# MuJoCo cameras look along -z with y up, optical frames along z with y down.
OPTICAL_TO_MUJOCO = np.diag([1.0, -1.0, -1.0])

URDF = "urdf/sim_arm.urdf"
VISUAL_GROUP = 1
COLLISION_GROUP = 3


@dataclass(frozen=True)
class WorldConfig:
    """What is in the world and how finely its time is cut."""

    cubes: tuple[str, ...] = ("red",)
    timestep_s: float = 0.001

    def __post_init__(self) -> None:
        check_cubes(self.cubes)


def load_arm() -> mujoco.MjSpec:
    """The arm as its URDF says, to be compiled or built upon."""
    return mujoco.MjSpec.from_file(str(share_file(URDF)))


def velocity_limits() -> np.ndarray:
    """Velocity limits (7,) of the arm's joints in rad/s, which MuJoCo does not read."""
    robot = ElementTree.parse(share_file(URDF)).getroot()
    speeds = {
        joint.get("name"): float(limit.attrib["velocity"])
        for joint in robot.iter("joint")
        for limit in joint.iter("limit")
    }
    return np.array([speeds[name] for name in ARM_JOINTS])


def load_kinematics() -> mujoco.MjModel:
    """The seven joints of the arm alone, for inverse kinematics."""
    arm = load_arm()
    for equality in list(arm.equalities):
        arm.delete(equality)
    for name in FINGER_JOINTS:
        arm.delete(arm.joint(name))
    return arm.compile()


def build_world(config: WorldConfig) -> mujoco.MjModel:
    """Compile the world."""
    spec = load_arm()
    spec.modelname = "sim_arm"
    _set_options(spec, config)
    _equip_arm(spec)
    _equip_gripper(spec)
    _add_surroundings(spec)
    for color in config.cubes:
        _add_cube(spec, color)
    _add_cameras(spec)
    return spec.compile()


def _set_options(spec: mujoco.MjSpec, config: WorldConfig) -> None:
    option = spec.option
    option.timestep = config.timestep_s
    option.integrator = mujoco.mjtIntegrator.mjINT_IMPLICITFAST
    # Stiff friction in elliptic cones: a cube in the hand must not creep.
    option.cone = mujoco.mjtCone.mjCONE_ELLIPTIC
    option.impratio = 100.0
    visual = spec.visual
    visual.quality.offsamples = 0
    visual.quality.shadowsize = 0
    visual.global_.offwidth = 1920
    visual.global_.offheight = 1200
    visual.map.znear = 0.01
    visual.map.zfar = 30.0
    visual.headlight.ambient = [0.32, 0.32, 0.32]
    visual.headlight.diffuse = [0.25, 0.25, 0.25]
    visual.headlight.specular = [0.0, 0.0, 0.0]
    spec.stat.extent = 1.0
    spec.stat.center = [0.3, 0.0, 0.3]


def _equip_arm(spec: mujoco.MjSpec) -> None:
    for body in spec.bodies:
        body.gravcomp = 1.0
    for geom in spec.geoms:
        geom.group = COLLISION_GROUP if geom.contype else VISUAL_GROUP
    for name, armature, stiffness, damping in zip(
        ARM_JOINTS, ARMATURE, STIFFNESS, DAMPING, strict=True
    ):
        joint = spec.joint(name)
        joint.armature = armature
        joint.actgravcomp = True
        servo = spec.add_actuator(name=name, target=name, trntype=mujoco.mjtTrn.mjTRN_JOINT)
        servo.set_to_position(kp=stiffness, kv=damping)


def _equip_gripper(spec: mujoco.MjSpec) -> None:
    tendon = spec.add_tendon(name="fingers")
    for name in FINGER_JOINTS:
        joint = spec.joint(name)
        joint.armature = 0.1
        tendon.wrap_joint(name, 0.5)
    actuator = spec.add_actuator(
        name="gripper", target="fingers", trntype=mujoco.mjtTrn.mjTRN_TENDON
    )
    actuator.set_to_position(kp=FINGER_STIFFNESS, kv=FINGER_DAMPING)
    actuator.ctrlrange = [0.0, FINGER_OPEN_M]
    actuator.forcerange = [-GRASP_FORCE_N, GRASP_FORCE_N]
    for name in ("fr3_leftfinger_pad", "fr3_rightfinger_pad"):
        pad = spec.geom(name)
        pad.friction = PAD_FRICTION
        pad.condim = 4
        pad.priority = 1
        pad.solref = [0.003, 1.0]


def _add_surroundings(spec: mujoco.MjSpec) -> None:
    world = spec.worldbody
    box, plane = mujoco.mjtGeom.mjGEOM_BOX, mujoco.mjtGeom.mjGEOM_PLANE
    spec.add_texture(
        name="sky",
        type=mujoco.mjtTexture.mjTEXTURE_SKYBOX,
        builtin=mujoco.mjtBuiltin.mjBUILTIN_GRADIENT,
        rgb1=[0.93, 0.94, 0.95],
        rgb2=[0.66, 0.69, 0.72],
        width=128,
        height=768,
    )
    world.add_geom(
        name="table",
        type=box,
        size=[0.5, 0.6, 0.02],
        pos=[0.3, 0, -0.02],
        rgba=[0.74, 0.66, 0.55, 1],
    )
    for x in (-0.15, 0.75):
        for y in (-0.55, 0.55):
            world.add_geom(
                type=box,
                size=[0.025, 0.025, (TABLE_HEIGHT_M - 0.04) / 2],
                pos=[x, y, -0.04 - (TABLE_HEIGHT_M - 0.04) / 2],
                rgba=[0.35, 0.36, 0.38, 1],
                contype=0,
                conaffinity=0,
            )
    world.add_geom(
        name="floor",
        type=plane,
        size=[0, 0, 0.1],
        pos=[0, 0, -TABLE_HEIGHT_M],
        rgba=[0.78, 0.80, 0.82, 1],
    )
    world.add_light(
        type=mujoco.mjtLightType.mjLIGHT_DIRECTIONAL,
        pos=[0.6, -0.6, 2.0],
        dir=[-0.3, 0.45, -1.0],
        diffuse=[0.55, 0.55, 0.54],
        specular=[0.1, 0.1, 0.1],
        castshadow=False,
    )


def _add_cube(spec: mujoco.MjSpec, color: str) -> None:
    body = spec.worldbody.add_body(name=f"{color}_cube", pos=[0.5, 0, CUBE_SIZE_M / 2])
    body.add_freejoint(name=f"{color}_cube")
    body.add_geom(
        name=f"{color}_cube",
        type=mujoco.mjtGeom.mjGEOM_BOX,
        size=[CUBE_SIZE_M / 2] * 3,
        mass=CUBE_MASS_KG,
        rgba=[*CUBE_COLORS[color], 1.0],
        condim=4,
        friction=[0.8, 0.01, 0.001],
    )


def _add_cameras(spec: mujoco.MjSpec) -> None:
    exterior = quat_to_matrix(EXTERIOR_CAMERA.pose[3:]) @ OPTICAL_TO_MUJOCO
    spec.worldbody.add_camera(
        name="exterior",
        pos=EXTERIOR_CAMERA.pose[:3],
        quat=matrix_to_quat(exterior),
        fovy=degrees(EXTERIOR_CAMERA.fovy_rad),
    )
    spec.body(WRIST_CAMERA_FRAME).add_camera(
        name="wrist", quat=matrix_to_quat(OPTICAL_TO_MUJOCO), fovy=degrees(WRIST_CAMERA_FOVY_RAD)
    )
