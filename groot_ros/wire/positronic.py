"""Messages of Positronic's sessions and what they mean here.

Protocol 1 sends observations as they are; 2 and 3 wrap them with the id of the session and say
when it ends. 1 and 2 answer with commands, 3 with what the server's model answers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from groot_ros.geometry import matrix_to_quat, quat_to_matrix
from groot_ros.observation.types import Array, Observation
from groot_ros.signals.kinds import CLOSURE, JOINTS, POSE
from groot_ros.signals.signals import EE_POSE, GRIP, JOINT_POSITION, Signals, arm_signals
from groot_ros.wire import numpy_wire
from groot_ros.wire.bounded import WireError
from groot_ros.wire.flat import (
    check_picture,
    read_signals,
    read_text,
)

SESSION_PATH = "/api/v1/session"
MODELS_PATH = "/api/v1/models"
KEEPALIVE_PATH = "/api/v1/keepalive"
PROTOCOL_VERSION, SESSION_ID, END_SESSION = "protocol_version", "session_id", "end_session"
OBSERVATION = "observation"
SIGNALS = {EE_POSE: "robot_state.ee_pose", JOINT_POSITION: "robot_state.q", GRIP: "grip"}
IMAGE, TASK, TIME_NS = "image.", "task", "obs_time_ns"
COMMAND, TARGET_GRIP, TIMESTAMP = "robot_command", "target_grip", "timestamp"


def to_flat(observation: Observation, jpeg_quality: int = 0) -> dict[str, Any]:
    """An observation as a client sends it; pictures as JPEG if quality is not 0."""
    flat: dict[str, Any] = {TASK: observation.instruction, TIME_NS: observation.stamp_ns}
    for spec, key in SIGNALS.items():
        if (value := observation.signals.get(spec.name)) is not None:
            flat[key] = np.asarray(value, dtype=np.float32) if spec.shape else float(value)
    for camera, image in observation.images.items():
        flat[IMAGE + camera] = numpy_wire.jpeg_map(image, jpeg_quality) if jpeg_quality else image
    return flat


def to_observation(message: Any) -> Observation:
    """The observation that a client sent; WireError names a value of the wrong kind.

    What is missing stays away: only the codec knows what it needs.
    """
    if not isinstance(message, dict):
        raise WireError("an observation is a map")
    stamp_ns = message.get(TIME_NS, 0)
    return Observation(
        stamp_ns=stamp_ns if isinstance(stamp_ns, int) else 0,
        images={
            key.removeprefix(IMAGE): check_picture(key, value)
            for key, value in message.items()
            if isinstance(key, str) and key.startswith(IMAGE)
        },
        instruction=read_text(message, TASK),
        signals=read_signals(message, SIGNALS),
    )


def of_session(request: Any, session_id: str) -> Any:
    """The observation of a request of protocol 2 or 3; WireError for one of another session."""
    if not isinstance(request, dict) or request.get(SESSION_ID) != session_id:
        raise WireError("the session_id does not belong to this connection")
    if OBSERVATION not in request:
        raise WireError("the request has no observation")
    return request[OBSERVATION]


def to_rows(steps: Signals) -> Array:
    """Steps as rows (T, 8 or J + 1): pose xyz + wxyz or joints, then the grip."""
    columns = [values.reshape(steps.steps, -1) for values in steps.arrays]
    return np.concatenate(columns, axis=1).astype(np.float32)


def from_rows(rows: Any, of_poses: bool) -> Signals:
    """The inverse of `to_rows`; WireError for another array."""
    values: NDArray[Any] = np.zeros(0)
    if isinstance(rows, np.ndarray):
        values = rows.astype(np.float64)
    if values.ndim != 2 or not len(values) or values.shape[1] < 2:
        raise WireError("the result holds no rows of actions")
    if not np.all(np.isfinite(values)):
        raise WireError("the actions of the result are no finite numbers")
    motion, grip = values[:, :-1], values[:, -1]
    if not of_poses:
        return arm_signals(joint_position=motion, grip=grip)
    if motion.shape[1] != 7 or np.abs(np.linalg.norm(motion[:, 3:], axis=1) - 1.0).max() > 1e-2:
        raise WireError("a pose of the result is no xyz and unit quaternion")
    return arm_signals(ee_pose=motion, grip=grip)


def to_result(
    steps: Signals, step_s: float, horizon_s: float | None = None
) -> list[dict[str, Any]]:
    """Steps as commands with times from the beginning of the chunk.

    The last entry has no command: it says when the chunk ends, with its last step or before.
    """
    entries: list[dict[str, Any]] = []
    closures = steps.first(CLOSURE)
    for index in range(steps.steps):
        entry: dict[str, Any] = {COMMAND: _command(steps, index), TIMESTAMP: index * step_s}
        if closures is not None:
            entry[TARGET_GRIP] = float(closures[index])
        entries.append(entry)
    end_s = steps.steps * step_s
    return [*entries, {TIMESTAMP: end_s if horizon_s is None else min(end_s, horizon_s)}]


def to_steps(result: Any) -> tuple[Signals, float]:
    """Steps of a server's answer and the time from one to the next, in s.

    WireError for commands of other kinds than poses and joint positions, or uneven times.
    """
    if not isinstance(result, list) or not result or not all(isinstance(e, dict) for e in result):
        raise WireError("the result holds no actions")
    entries = [entry for entry in result if COMMAND in entry]
    commands = [_read_command(entry[COMMAND]) for entry in entries]
    kinds = {kind for kind, _ in commands}
    if kinds not in ({"cartesian_pos"}, {"joint_pos"}):
        raise WireError(f"the result has commands {', '.join(sorted(kinds)) or 'none'}")
    values = _stack([numbers for _, numbers in commands])
    grips = [entry.get(TARGET_GRIP) for entry in entries]
    grip = None if any(g is None for g in grips) else _closures(grips)
    # The entry that closes the chunk tells the duration of a single step; a cut chunk ends early.
    timed = entries if len(entries) > 1 else result
    step_s = _step_s([entry.get(TIMESTAMP) for entry in timed])
    if kinds == {"joint_pos"}:
        return arm_signals(joint_position=values, grip=grip), step_s
    return arm_signals(ee_pose=_poses(values), grip=grip), step_s


def _closures(values: list[Any]) -> Array:
    """A closure (T,) of each step's number, alone or in an array."""
    columns = _stack([np.atleast_1d(value) for value in values])
    if columns.shape[1:] != (1,):
        raise WireError("a gripper of the result is no number")
    return np.asarray(columns[:, 0])


def _command(steps: Signals, index: int) -> dict[str, Any]:
    if (poses := steps.first(POSE)) is None:
        joints = steps.first(JOINTS)
        assert joints is not None
        return {"type": "joint_pos", "positions": joints[index]}
    pose = poses[index]
    rows = quat_to_matrix(pose[3:]).reshape(9)
    return {"type": "cartesian_pos", "pose": np.concatenate([pose[:3], rows])}


def _read_command(command: Any) -> tuple[str, Array]:
    kind = command.get("type") if isinstance(command, dict) else None
    field = {"cartesian_pos": "pose", "joint_pos": "positions"}.get(str(kind))
    if field is None:
        return str(kind)[:40], np.zeros(0)
    return str(kind), np.asarray(command.get(field))


def _stack(rows: Sequence[Any]) -> Array:
    try:
        stacked = np.stack(rows).astype(np.float64)
    except (ValueError, TypeError):
        raise WireError("the commands of the result differ in size or hold no numbers") from None
    if stacked.ndim != 2 or not np.all(np.isfinite(stacked)):
        raise WireError("the commands of the result are no finite numbers")
    return stacked


def _poses(rows: Array) -> Array:
    if rows.shape[1] != 12:
        raise WireError(f"a pose of the result has {rows.shape[1]} numbers, expected 12")
    rotations = rows[:, 3:].reshape(-1, 3, 3)
    if np.abs(rotations @ rotations.swapaxes(1, 2) - np.eye(3)).max() > 1e-2:
        raise WireError("a pose of the result has no rotation matrix")
    return np.concatenate([rows[:, :3], matrix_to_quat(rotations)], axis=1)


def _step_s(times: Sequence[Any]) -> float:
    if not all(isinstance(time, int | float) for time in times):
        raise WireError("an action of the result has no timestamp")
    gaps = np.diff(times)
    if not len(gaps) or not np.all(gaps > 0) or np.ptp(gaps) > 1e-3:
        raise WireError("the timestamps of the result are not evenly spaced")
    return float(np.median(gaps))
