"""Everything that was seen of one run, with the numbers that sum it up."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from groot_ros.chunks.chunk import Chunk
from groot_ros.chunks.measures import flips, rms_jerk

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Picture:
    """One camera image (H, W, 3) uint8 RGB."""

    stamp_ns: int
    image: NDArray[np.uint8]


@dataclass(frozen=True)
class Sample:
    """A pose (7,), a grip (1,) or joints (J,) at a time."""

    stamp_ns: int
    values: Array


@dataclass(frozen=True)
class PublishedChunk:
    """A chunk, when it was published, and the durations of its making in s."""

    chunk: Chunk
    published_ns: int
    observation_age_s: float
    model_s: float


@dataclass(frozen=True)
class ExecutedChunk:
    """Steps of a chunk that were executed, dropped, and spent waiting for the next one."""

    executed: int
    dropped: int
    starved: int


@dataclass
class Trace:
    """One run of one policy, in the order of arrival."""

    policy: str
    instruction: str = ""
    pictures: dict[str, list[Picture]] = field(default_factory=dict)
    chunks: list[PublishedChunk] = field(default_factory=list)
    executions: list[ExecutedChunk] = field(default_factory=list)
    measured: list[Sample] = field(default_factory=list)
    measured_grips: list[Sample] = field(default_factory=list)
    commanded: list[Sample] = field(default_factory=list)
    commanded_grips: list[Sample] = field(default_factory=list)
    measured_joints: list[Sample] = field(default_factory=list)
    commanded_joints: list[Sample] = field(default_factory=list)
    succeeded_ns: int | None = None
    """When the task was done."""

    @property
    def succeeded(self) -> bool:
        return self.succeeded_ns is not None

    @property
    def flips(self) -> int:
        """How often the gripper was told to open or to close."""
        return flips(np.array([sample.values[0] for sample in self.commanded_grips]))

    @property
    def jerk_m_s3(self) -> float | None:
        """Root mean square of the commanded hand's jerk; None of one that no poses command."""
        if len(self.commanded) < 2:
            return None
        places = np.array([sample.values[:3] for sample in self.commanded])
        stamps_ns = [sample.stamp_ns for sample in self.commanded]
        return rms_jerk(places, float(np.median(np.diff(stamps_ns))) / 1e9)


@dataclass(frozen=True)
class Summary:
    """Numbers of a run; pairs are median and 95th percentile."""

    policy: str
    chunks: int
    inference_rate_hz: float
    action_rate_hz: float
    command_rate_hz: float
    observation_age_s: tuple[float, float]
    model_s: tuple[float, float]
    executed_steps: int
    dropped_steps: int
    starved_steps: int
    moved_m: float
    succeeded: bool


def summarize(trace: Trace) -> Summary:
    """The numbers of a run; zeros for what did not happen."""
    return Summary(
        policy=trace.policy,
        chunks=len(trace.chunks),
        inference_rate_hz=_rate_hz([chunk.published_ns for chunk in trace.chunks]),
        action_rate_hz=1e9 / trace.chunks[0].chunk.step_ns if trace.chunks else 0.0,
        command_rate_hz=_rate_hz([sample.stamp_ns for sample in trace.commanded]),
        observation_age_s=_median_p95([chunk.observation_age_s for chunk in trace.chunks]),
        model_s=_median_p95([chunk.model_s for chunk in trace.chunks]),
        executed_steps=sum(execution.executed for execution in trace.executions),
        dropped_steps=sum(execution.dropped for execution in trace.executions),
        starved_steps=sum(execution.starved for execution in trace.executions),
        moved_m=_path_length_m(trace.measured),
        succeeded=trace.succeeded,
    )


def _rate_hz(stamps_ns: list[int]) -> float:
    if len(stamps_ns) < 2:
        return 0.0
    return (len(stamps_ns) - 1) * 1e9 / max(1, stamps_ns[-1] - stamps_ns[0])


def _median_p95(values: list[float]) -> tuple[float, float]:
    if not values:
        return 0.0, 0.0
    median, p95 = np.percentile(values, [50, 95])
    return float(median), float(p95)


def _path_length_m(samples: list[Sample]) -> float:
    if not samples:
        return 0.0
    positions = np.array([sample.values[:3] for sample in samples])
    return float(np.linalg.norm(np.diff(positions, axis=0), axis=1).sum())
