"""Between our types and ROS messages; quaternions are wxyz inside and xyzw on messages."""

from __future__ import annotations

import array
from collections.abc import Sequence

import numpy as np
from builtin_interfaces.msg import Duration, Time
from geometry_msgs.msg import Pose, PoseStamped, Transform, Twist
from numpy.typing import NDArray
from sensor_msgs.msg import PointCloud2, PointField
from std_msgs.msg import Header
from trajectory_msgs.msg import (
    JointTrajectory,
    JointTrajectoryPoint,
    MultiDOFJointTrajectory,
    MultiDOFJointTrajectoryPoint,
)

from groot_ros.chunks.chunk import Chunk
from groot_ros.chunks.derivatives import joint_velocities, pose_velocities
from groot_ros.observation.fields import NS
from groot_ros.signals.kinds import CLOSURE
from groot_ros_msgs.msg import ActionChunk, Track

Array = NDArray[np.float64]


def to_time(stamp_ns: int) -> Time:
    """Time message of ns since the clock's zero."""
    return Time(sec=stamp_ns // NS, nanosec=stamp_ns % NS)


def to_duration(duration_ns: int) -> Duration:
    """Duration message of ns."""
    return Duration(sec=duration_ns // NS, nanosec=duration_ns % NS)


def to_pose(pose: Array) -> Pose:
    """Pose message of (7,) xyz + wxyz."""
    message = Pose()
    message.position.x, message.position.y, message.position.z = map(float, pose[:3])
    message.orientation.w, message.orientation.x = float(pose[3]), float(pose[4])
    message.orientation.y, message.orientation.z = float(pose[5]), float(pose[6])
    return message


def pose_stamped(pose: Array, stamp_ns: int, frame: str) -> PoseStamped:
    """PoseStamped of (7,) xyz + wxyz in a frame."""
    return PoseStamped(header=Header(stamp=to_time(stamp_ns), frame_id=frame), pose=to_pose(pose))


def to_action_chunk(chunk: Chunk, frame: str, joint_names: Sequence[str]) -> ActionChunk:
    """The message of a chunk; ids, codec and instruction are the sender's to fill in.

    Args:
        chunk: what it says.
        frame: that of the chunk's poses whose signals name none, the robot's base frame.
        joint_names: of the columns of its joint positions.
    """
    message = ActionChunk(
        header=Header(stamp=to_time(chunk.stamp_ns), frame_id=frame),
        step_duration=to_duration(chunk.step_ns),
        epoch=chunk.epoch,
        horizon=len(chunk),
        grade=int(chunk.verdict.grade),
        grade_reason=chunk.verdict.reason,
    )
    for spec, values in chunk.signals.pairs():
        kind = spec.kind
        own_frame = (spec.frame or frame) if kind.is_in_frame else ""
        track = Track(kind=kind.name, name=spec.name, frame=own_frame)
        track.names = [] if kind.size else list(spec.names or joint_names)
        track.values = kind.to_message(values).reshape(-1).tolist()
        message.tracks.append(track)
    return message


def joint_trajectory(chunk: Chunk, joints: Array, joint_names: Sequence[str]) -> JointTrajectory:
    """Standard trajectory of a chunk's joint positions (T, J), velocities filled.

    header.stamp is the observation time; the first point is the chunk's second step, because
    controllers want a first time_from_start above zero.
    """
    velocities = joint_velocities(joints, chunk.step_ns / NS)
    return JointTrajectory(
        header=Header(stamp=to_time(chunk.stamp_ns)),
        joint_names=list(joint_names),
        points=[
            JointTrajectoryPoint(
                positions=joints[i].tolist(),
                velocities=velocities[i].tolist(),
                time_from_start=to_duration(i * chunk.step_ns),
            )
            for i in range(1, len(chunk))
        ],
    )


def ee_trajectory(chunk: Chunk, poses: Array, frame: str, tool: str) -> MultiDOFJointTrajectory:
    """Standard trajectory of a chunk's poses (T, 7), twists in the base frame filled."""
    linear, angular = pose_velocities(poses, chunk.step_ns / NS)
    points = []
    for i in range(1, len(chunk)):
        point = MultiDOFJointTrajectoryPoint(time_from_start=to_duration(i * chunk.step_ns))
        point.transforms = [_transform(poses[i])]
        point.velocities = [twist_of(linear[i], angular[i])]
        points.append(point)
    header = Header(stamp=to_time(chunk.stamp_ns), frame_id=frame)
    return MultiDOFJointTrajectory(header=header, joint_names=[tool], points=points)


def chunk_cloud(chunk: Chunk, poses: Array, frame: str) -> PointCloud2:
    """Positions of a chunk's poses (T, 7) as a cloud with x, y, z in m, step and grip, all
    float32."""
    closures = chunk.signals.first(CLOSURE)
    grip = np.zeros(len(chunk)) if closures is None else closures
    columns = np.column_stack([poses[:, :3], np.arange(len(chunk)), grip])
    size = np.dtype(np.float32).itemsize
    data = array.array("B", columns.astype("<f4").tobytes())
    return PointCloud2(
        header=Header(stamp=to_time(chunk.stamp_ns), frame_id=frame),
        height=1,
        width=len(chunk),
        fields=[
            PointField(name=name, offset=index * size, datatype=PointField.FLOAT32, count=1)
            for index, name in enumerate(("x", "y", "z", "step", "grip"))
        ],
        point_step=columns.shape[1] * size,
        row_step=columns.size * size,
        data=data,
        is_dense=True,
    )


def _transform(pose: Array) -> Transform:
    message, transform = to_pose(pose), Transform()
    transform.translation.x = message.position.x
    transform.translation.y = message.position.y
    transform.translation.z = message.position.z
    transform.rotation = message.orientation
    return transform


def twist_of(linear: Array, angular: Array) -> Twist:
    """Twist message of velocities (3,) in m/s and (3,) in rad/s."""
    twist = Twist()
    twist.linear.x, twist.linear.y, twist.linear.z = map(float, linear)
    twist.angular.x, twist.angular.y, twist.angular.z = map(float, angular)
    return twist
