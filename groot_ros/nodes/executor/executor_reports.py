"""What the executor tells: reports of chunks, and its own state."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from std_msgs.msg import Header

from groot_ros.chunks.execution.activations import FollowedActivation
from groot_ros.chunks.execution.executor import ChunkExecutor
from groot_ros.chunks.execution.running import Execution
from groot_ros.chunks.message import MAX_NAME_LENGTH, MAX_TEXT_LENGTH
from groot_ros.chunks.shadow import Disagreement
from groot_ros.chunks.takeover.control import Takeover
from groot_ros.chunks.takeover.turn import Control
from groot_ros.nodes.messages import to_time
from groot_ros.observation.fields import NS, to_ns
from groot_ros.timing.command_loop import CommandLoop, SteppedLoop
from groot_ros_msgs.msg import ActionChunk, ChunkReport, ExecutorState


@dataclass(frozen=True)
class Taken:
    """An accepted chunk, and how many of its steps were projected onto a limit."""

    message: ActionChunk
    projected_steps: int


def chunk_report(chunk: ActionChunk, now_ns: int) -> ChunkReport:
    """The report of a chunk from its message, as far as that is valid."""
    return ChunkReport(
        header=Header(stamp=to_time(now_ns), frame_id=chunk.header.frame_id[:MAX_NAME_LENGTH]),
        source=ChunkReport.EXECUTOR,
        activation=chunk.activation,
        chunk_id=chunk.chunk_id,
        epoch=chunk.epoch,
        horizon=chunk.horizon,
        grade=chunk.grade,
        grade_reason=chunk.grade_reason[:MAX_TEXT_LENGTH],
    )


def execution_report(taken: Taken, execution: Execution, now_ns: int) -> ChunkReport:
    """The report of an executed chunk."""
    report = chunk_report(taken.message, now_ns)
    report.projected_steps = taken.projected_steps
    report.observation_age = (execution.arrived_ns - to_ns(taken.message.header.stamp)) / NS
    report.executed_steps = execution.executed
    report.dropped_steps = execution.dropped
    report.starved_steps = execution.starved
    report.seam_jump_position = execution.seam.position_m
    report.seam_jump_rotation = execution.seam.rotation_rad
    report.seam_jump_joints = execution.seam.joints_rad
    report.gap_position = execution.gap.position_m
    report.gap_rotation = execution.gap.rotation_rad
    report.gap_joints = execution.gap.joints_rad
    report.time_scale = execution.rate
    report.limited_by = execution.limited_by
    report.interventions = execution.interventions
    return report


def shadow_report(chunk: ActionChunk, verdict: Disagreement, now_ns: int) -> ChunkReport:
    """The report of a chunk that was compared with the robot's motion."""
    report = chunk_report(chunk, now_ns)
    report.disagreement_position = verdict.position_m
    report.disagreement_rotation = verdict.rotation_rad
    report.disagreement_joints = verdict.joints_rad
    return report


def executor_state(
    executor: ChunkExecutor,
    loop: CommandLoop | SteppedLoop | None,
    following: FollowedActivation,
    takeover: Takeover,
    frame: str,
    dry_run: bool,
    now_ns: int,
) -> ExecutorState:
    """The message of the executor's present state."""
    state = ExecutorState(
        header=Header(stamp=to_time(now_ns), frame_id=frame),
        activity=executor.activity.value,
        stop_reason=executor.stops.sentence,
        needs_resume=executor.stops.blocked,
        dry_run=dry_run,
        activation=np.frombuffer(following.activation, np.uint8),
        epoch=following.epoch,
        time_scale=executor.speed_scale,
        speed_scale=executor.speed_scale,
        interventions=executor.interventions,
        control=takeover.control.value,
        operator_hint=takeover.hint,
    )
    if loop:
        state.command_rate, state.command_jitter = loop.measured_rate_hz, loop.jitter_s
    # Steps of the operator's chunks are none of the policy's.
    is_policy = takeover.control is Control.POLICY
    if is_policy and (progress := executor.progress(now_ns)) and executor.motion:
        state.chunk_id, state.step = progress.chunk_id, progress.step
        state.time_scale, state.delay = progress.rate, progress.delay_steps
        state.remaining = (executor.motion.active_end_ns - executor.time_ns) / NS
    return state
