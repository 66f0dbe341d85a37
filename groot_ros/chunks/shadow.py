"""Shadow mode: how far a policy's chunks are from the motion that somebody else commands."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from groot_ros.chunks.chunk import Chunk
from groot_ros.signals.signals import SignalSpec

Array = NDArray[np.float64]

# Chunks that wait for their time to pass; a flood of them must not take the memory.
WAITING = 64


@dataclass(frozen=True)
class Disagreement:
    """Mean distance of a chunk's steps to the values measured at their times: m, rad, and rad or m
    per joint."""

    chunk_id: int
    position_m: float = 0.0
    rotation_rad: float = 0.0
    joints_rad: float = 0.0


@dataclass
class _Watched:
    chunk_id: int
    chunk: Chunk
    distances: list[Array]


class Shadow:
    """Compares chunks with the measured motion, step by step."""

    def __init__(self, signal: SignalSpec) -> None:
        self._signal = signal
        self._watched: deque[_Watched] = deque(maxlen=WAITING)

    def add(self, chunk_id: int, chunk: Chunk) -> None:
        """Record a chunk of the policy."""
        self._watched.append(_Watched(chunk_id, chunk, []))

    def measured(self, time_ns: int, value: Array) -> list[Disagreement]:
        """Record a measured value (V,) of the moving signal at a time in ns.

        Returns:
            The disagreement of each chunk whose last step is now past.
        """
        for watched in self._watched:
            chunk = watched.chunk
            if not chunk.is_future(time_ns) and not chunk.is_past(time_ns):
                wanted = chunk.sample(time_ns)[self._signal.name]
                watched.distances.append(self._signal.kind.distances(wanted, value))
        done: list[Disagreement] = []
        while self._watched and self._watched[0].chunk.is_past(time_ns):
            watched = self._watched.popleft()
            if watched.distances:
                done.append(self._verdict(watched))
        return done

    def _verdict(self, watched: _Watched) -> Disagreement:
        means = self._signal.kind.measures(np.mean(watched.distances, axis=0))
        return Disagreement(
            watched.chunk_id, **{name: float(np.mean(mean)) for name, mean in means.items()}
        )
