"""What a trial leaves beside its evaluation, for plots and for chunks over its film."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from groot_ros.demo.film import FILM_VIEWS, HEIGHT, WIDTH
from groot_ros.demo.trace import PublishedChunk, Sample, Trace
from groot_ros.files.whole_file import write_whole
from groot_ros.geometry import matrix_to_pose, relative
from groot_ros.robot.config import load_robot
from groot_ros.robot.forward_kinematics import ForwardKinematics, LinkPoint
from groot_ros.robot.urdf import load_urdf
from groot_ros.signals.signals import EE_POSE, GRIP, JOINT_POSITION, SignalSpec
from groot_ros.sim.scene import (
    ARM_JOINTS,
    EE_FRAME,
    EXTERIOR_CAMERA,
    WRIST_CAMERA_FOVY_RAD,
    WRIST_CAMERA_FRAME,
)
from groot_ros.sim.simulation import SimConfig

Json = dict[str, Any]

FORMAT = 1
CAMERA = "exterior"
"""The camera that stands still, of which it is known where it stands."""
CARRIED = "wrist"
# Samples within less are left out: the plot of a trial is some 1,000 pixels wide.
PERIOD_NS = 20_000_000
DIGITS = 5


def write_trial(trace: Trace, path: Path) -> None:
    """Write a trial as JSON, beside first; times in s from the film's first picture, or the first
    measurement where there is none.

    `joints` names the numbers of joint positions. A chunk has its stamp, when it was published,
    its steps by signal, and `pixels` (T, 2) of its poses by camera, as shares of the picture's
    width and height. `views` say where the film shows which part of a camera's picture: from left,
    top, width and height as shares of the film, and from left, top, right, bottom as shares of the
    picture. Of the camera that the hand carries they have the `mount` (7,), its optical frame's
    pose in the frame of the measured poses, `fovy_rad` and `aspect`, width over height: pixels in
    its picture depend on where the hand is.
    """
    first = trace.pictures.get(CAMERA) or trace.measured
    begin_ns = first[0].stamp_ns if first else 0
    content = {
        "format": FORMAT,
        "joints": list(ARM_JOINTS),
        "measured": _tracks(
            begin_ns,
            {
                EE_POSE: trace.measured,
                JOINT_POSITION: trace.measured_joints,
                GRIP: trace.measured_grips,
            },
        ),
        "commanded": _tracks(
            begin_ns,
            {
                EE_POSE: trace.commanded,
                JOINT_POSITION: trace.commanded_joints,
                GRIP: trace.commanded_grips,
            },
        ),
        "chunks": [_chunk(published, begin_ns) for published in trace.chunks],
        "views": [
            {
                "camera": camera,
                "place": [left / WIDTH, top / HEIGHT, width / WIDTH, height / HEIGHT],
                "part": [*part[0], *part[1]],
                **(_carried() if camera == CARRIED else {}),
            }
            for camera, (left, top), (width, height), part in FILM_VIEWS
        ],
    }
    write_whole(path, json.dumps(content, separators=(",", ":")) + "\n")


@cache
def _carried() -> Json:
    """How the hand carries its camera, by the simulated arm's URDF."""
    robot = load_robot("sim")
    points = [LinkPoint("hand", EE_FRAME), LinkPoint(CARRIED, WRIST_CAMERA_FRAME)]
    arm = ForwardKinematics(load_urdf(robot.urdf), ARM_JOINTS, robot.base_frame, points)
    # The same however the arm stands.
    hand, camera = arm.frames(np.zeros(len(ARM_JOINTS)))
    return {
        "mount": matrix_to_pose(relative(hand, camera)).tolist(),
        "fovy_rad": WRIST_CAMERA_FOVY_RAD,
        "aspect": SimConfig().image_width / SimConfig().image_height,
    }


def _tracks(begin_ns: int, samples: Mapping[SignalSpec, Sequence[Sample]]) -> Json:
    return {spec.name: _track(begin_ns, found) for spec, found in samples.items() if found}


def _track(begin_ns: int, samples: Sequence[Sample]) -> Json:
    kept = [samples[0]]
    for sample in samples:
        if sample.stamp_ns - kept[-1].stamp_ns >= PERIOD_NS:
            kept.append(sample)
    return {
        "times_s": _rounded([(sample.stamp_ns - begin_ns) / 1e9 for sample in kept]),
        "values": _rounded([sample.values for sample in kept]),
    }


def _chunk(published: PublishedChunk, begin_ns: int) -> Json:
    chunk = published.chunk
    poses, pixels = chunk.signals.get(EE_POSE.name), {}
    if poses is not None:
        size = SimConfig().image_width, SimConfig().image_height
        pixels[CAMERA] = _rounded(EXTERIOR_CAMERA.project(poses[:, :3], *size) / size)
    return {
        "stamp_s": (chunk.stamp_ns - begin_ns) / 1e9,
        "published_s": (published.published_ns - begin_ns) / 1e9,
        "step_s": chunk.step_ns / 1e9,
        "signals": {
            name: _rounded(np.asarray(values).reshape(len(chunk), -1))
            for name, values in chunk.signals.items()
        },
        "pixels": pixels,
    }


def _rounded(values: ArrayLike) -> Any:
    """Lists; None for what is not finite, such as pixels of what is behind the camera."""
    found = np.round(np.asarray(values, dtype=np.float64), DIGITS)
    return np.where(np.isfinite(found), found.astype(object), np.array(None)).tolist()
