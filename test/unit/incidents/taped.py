"""An executor at work, as on a robot: chunks join while commands go on, and things go wrong."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import numpy as np

from groot_ros.chunks.chunk import Chunk, Setpoint
from groot_ros.chunks.execution.joining import accept_ahead
from groot_ros.chunks.execution.settings import ExecutionSettings
from groot_ros.chunks.execution.stopping import StopReason
from groot_ros.data.bags.metadata import Topic
from groot_ros.geometry import rotvec_to_quat
from groot_ros.incidents.kept_tape import KeptTape
from groot_ros.incidents.pickled import dumps
from groot_ros.incidents.tape import Recording, Tape, TapedExecutor
from groot_ros.robot.limits import Limits
from groot_ros.signals.signals import arm_signals

S = 1_000_000_000
PERIOD_NS = S // 100
STEP_NS = S // 15
TEXT = Topic("/said", "std_msgs/msg/String")
# "hi", serialised.
DATA = bytes([0, 1, 0, 0, 3, 0, 0, 0, 104, 105, 0])
LIMITS = Limits(
    linear_velocity=0.5,
    angular_velocity=1.5,
    linear_acceleration=4.0,
    angular_acceleration=12.0,
    linear_jerk=400.0,
    workspace_min=(-1, -1, -1),
    workspace_max=(1, 1, 1),
)


def chunk_at(stamp_ns: int, rng: np.random.Generator, epoch: int = 1) -> Chunk:
    """A chunk that goes on where a circle is at its stamp, and misses it a little."""
    times_s = (stamp_ns + STEP_NS * np.arange(16)) / 1e9
    angles = 0.8 * times_s
    places = 0.2 * np.stack([np.cos(angles), np.sin(angles), 0.3 * np.sin(2 * angles)], axis=1)
    turns = np.stack([0 * angles, 0.2 * np.sin(angles), 0.3 * np.cos(angles)], axis=1)
    poses = np.concatenate([places + rng.normal(scale=2e-3, size=3), rotvec_to_quat(turns)], 1)
    # As they come out of a message: the columns in another order in memory.
    return Chunk(
        stamp_ns,
        STEP_NS,
        epoch,
        signals=arm_signals(ee_pose=poses[:, range(7)], grip=(angles % 2 > 1) * 1.0),
    )


class Robot:
    """Calls a taped executor with what a seed says; `commands` are what it answered."""

    def __init__(self, seed: int, strategy: str = "latest", span_s: float = 1e6) -> None:
        settings = ExecutionSettings(strategy=strategy, period_s=PERIOD_NS / S)
        self.executor = TapedExecutor(LIMITS, settings)
        self.kept = KeptTape(span_s)
        self.rng = np.random.default_rng(seed)
        self.now_ns = 5 * S
        self.chunk_id = 0
        self.commands: list[tuple[int, Setpoint | None]] = []
        self.executor.tape.begin(self.executor, self.now_ns)
        self.executor.start_from(
            chunk_at(self.now_ns, self.rng).signals["ee_pose"][0], {"grip": 0.0}, self.now_ns
        )

    def recording(self) -> Recording:
        """What is on the tape so far, by the way that it takes between processes."""
        hand_over(self.executor.tape, self.kept.begin, self.kept.add)
        taken = self.kept.taken()
        assert taken
        return taken.recording()

    def tick(self, count: int = 1) -> None:
        for _ in range(count):
            self.now_ns += PERIOD_NS + int(self.rng.integers(-200_000, 400_000))
            if self.commands and (last := self.commands[-1][1]):
                away = self.rng.normal(scale=1e-3, size=3)
                measured = np.concatenate([last.value[:3] + away, last.value[3:]])
                self.executor.measured(measured, self.now_ns)
            self.commands.append((self.now_ns, self.executor.setpoint(self.now_ns)))

    def send(self, chunk: Chunk | None = None, join_ticks: int = 0) -> str | None:
        """A chunk comes, and commands go on while it is joined."""
        self.chunk_id += 1
        chunk = chunk or chunk_at(self.now_ns - S // 20, self.rng)
        guard: Any = _Ticking(self, join_ticks)
        return accept_ahead(self.executor, guard, lambda: self.now_ns, self.chunk_id, chunk)

    def live(self, seconds: float) -> None:
        """Chunks and commands, and now and then something goes wrong."""
        for _ in range(round(seconds * 100 / 15)):
            self.send(join_ticks=int(self.rng.integers(0, 4)))
            self.tick(int(self.rng.integers(10, 20)))
            self._trouble(self.rng.integers(12))

    def _trouble(self, kind: int) -> None:
        executor, now_ns = self.executor, self.now_ns
        if kind == 0:
            executor.press(StopReason.ESTOP, True, now_ns)
            self.tick(30)
            executor.press(StopReason.ESTOP, False, self.now_ns)
            executor.resume()
        elif kind == 1:
            executor.set_speed_scale(float(self.rng.uniform(0.3, 1.0)), now_ns)
        elif kind == 2:
            far = chunk_at(now_ns, self.rng)
            self.send(far.replaced({"ee_pose": far.signals["ee_pose"] + [[3, 0, 0, 0, 0, 0, 0]]}))
        elif kind == 3:
            self.tick(130)
        elif kind == 4:
            executor.cancel(executor.epoch, now_ns)
            self.tick(20)


def hand_over(
    tape: Tape, begin: Callable[[int, bytes], None], add: Callable[[bytes], None]
) -> None:
    """Hand over what has come, as the executor node does."""
    for piece in tape.take():
        if piece.executor:
            begin(piece.begun_ns, dumps(piece.executor))
        add(dumps(piece.calls))


class _Ticking(AbstractContextManager):
    """A lock that the command thread has meanwhile: between the offer and the commit."""

    def __init__(self, robot: Robot, join_ticks: int) -> None:
        self._robot, self._left, self._entered = robot, join_ticks, 0

    def __enter__(self) -> None:
        self._entered += 1
        if self._entered % 2 == 1 and self._entered > 1:
            self._robot.tick(self._left)

    def __exit__(self, *_: object) -> None:
        pass
