"""`groot-ros benchmark soak`: whether a day's work makes executor and policy node grow.

The robot, the policy's lateness and the nodes are those of `benchmark runtime`. Meanwhile all
that a day has happens again and again: instructions, resets, refused chunks, emergency stops,
transitions, a policy that is killed.
"""

from __future__ import annotations

import os
import shutil
import signal
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack, suppress
from copy import deepcopy
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from std_msgs.msg import Bool

from groot_ros.benchmarks.growth import Bound, Life, Trend, trend
from groot_ros.errors import UserError
from groot_ros.nodes.benchmarks.runtime import (
    BenchmarkRobot,
    HeardRun,
    incidents_folder,
    local_graph,
    node_process,
)
from groot_ros.nodes.clients.operator_node import (
    ACTIVATE,
    CLEANUP,
    CONFIGURE,
    DEACTIVATE,
    SERVICE_WAIT_S,
    running_node,
)
from groot_ros.nodes.qos import CHUNKS
from groot_ros.robot.config import load_robot
from groot_ros_msgs.msg import ActionChunk

MB = 1e6
SHARED_MEMORY = Path("/dev/shm")
COMMAND_RATE_HZ = 100.0
# One step up is what comes once; 4 MB per hour are 100 MB in a day.
BOUNDS = {
    "memory": Bound(unit="MB", step=2.0, per_hour=4.0),
    "threads": Bound(unit="", step=1.5, per_hour=0.0),
    "descriptors": Bound(unit="", step=1.5, per_hour=0.0),
    "shared memory": Bound(unit="MB", step=2.0, per_hour=4.0),
    "shared files": Bound(unit="", step=1.5, per_hour=0.0),
}
UNITS = {name: bound.unit for name, bound in BOUNDS.items()}
# Of the black box, as much as it may keep (`incident_memory`, and its tape).
BOX_MEMORY = Bound(unit="MB", step=340.0, per_hour=0.0)
# Fast DDS leaves the file of a port and its semaphore where a process was killed.
LEFT_FILES = 2
KILLED = "policy killed"
# Of the time: what lives for minutes has hardly filled its caches, the last one shows what grows.
KILLED_UNTIL = 0.25
MACHINE, BOX = "machine", "black box"
# The middleware takes a killed process for alive this long, and so would those who call it.
LEASE_S = 40.0


@dataclass(frozen=True, kw_only=True)
class SoakLoad:
    """How long, how often something is sampled, how long the arm works between two events, in s;
    how often the policy is killed in the first quarter."""

    seconds: float = 3600.0
    sample_s: float = 5.0
    event_s: float = 8.0
    kills: int = 3


@dataclass(kw_only=True)
class ProcessSamples:
    """Samples of each process and of all together over time; owned by the sampling process."""

    rows: dict[tuple[str, int], list[tuple[float, dict[str, float]]]] = field(default_factory=dict)
    """By role and process: times in s from the beginning of the run, and values by quantity."""

    def add(self, role: str, process: int, time_s: float, values: dict[str, float]) -> None:
        """Add a process's sample at a time in s."""
        self.rows.setdefault((role, process), []).append((time_s, values))

    def lives(self) -> dict[str, dict[str, list[Life]]]:
        """Samples by role and quantity, of consecutive processes."""
        lives: dict[str, dict[str, list[Life]]] = {}
        for (role, _), rows in self.rows.items():
            times_s = np.array([time_s for time_s, _ in rows])
            for name in rows[0][1]:
                life = Life(times_s=times_s, values=np.array([values[name] for _, values in rows]))
                lives.setdefault(role, {}).setdefault(name, []).append(life)
        return lives


class Day:
    """A robot, both nodes, and what happens to them."""

    def __init__(self, robot: BenchmarkRobot, stack: ExitStack, load: SoakLoad) -> None:
        self.samples = ProcessSamples()
        self.happened: Counter[str] = Counter()
        self.commands = self.chunks = self.refused = 0
        self.broken_off = ""
        """Why the day ended before its time."""
        self._robot = robot
        self._load = load
        self._stack = stack
        self._policy_stack = ExitStack()
        self._began_s = 0.0
        self._pids = {"robot": os.getpid()}
        self._newest: ActionChunk | None = None
        self._events: tuple[Callable[[], None], ...] = (
            self._new_instruction,
            self._reset,
            self._refused_chunks,
            self._emergency_stop,
            self._policy_again,
            self._executor_again,
            self._both_anew,
        )
        robot.create_subscription(ActionChunk, "policy/action_chunk", self._on_chunk, CHUNKS)
        self._estop = robot.create_publisher(Bool, "emergency_stop", 1)

    def run(self) -> None:
        """Everything once, and again for as long as the load says.

        What was sampled until something broke it off counts all the same.
        """
        incidents = self._stack.enter_context(incidents_folder())
        executor = {"command_rate": COMMAND_RATE_HZ, "incident_folder": incidents}
        process = self._stack.enter_context(node_process("executor_node", **executor))
        self._pids["executor"] = process.pid
        self._stack.push(self._policy_stack)
        self._start_policy()
        self._transitions(("executor", "policy"), CONFIGURE, ACTIVATE)
        self._began_s = time.monotonic()
        timer = self._robot.create_timer(self._load.sample_s, self._sample)
        try:
            while self._gone_s() < self._load.seconds or self._count() < len(self._events):
                self._happen()
        except UserError as error:
            self.broken_off = f"after {self._gone_s() / 60:.1f} min: {error}"
        self._robot.destroy_timer(timer)

    def _gone_s(self) -> float:
        return time.monotonic() - self._began_s

    def _count(self) -> int:
        """Of events that are no kills."""
        return self.happened.total() - self.happened[KILLED]

    def _happen(self) -> None:
        """One event, then work."""
        kills, load = self.happened[KILLED], self._load
        event = self._events[self._count() % len(self._events)]
        if kills < load.kills:
            due_s = KILLED_UNTIL * load.seconds * (kills + 1) / load.kills
            event = self._policy_killed if self._gone_s() > due_s else event
        name = event.__name__.strip("_").replace("_", " ")
        self._robot.recording = recording = HeardRun()
        event()
        self.happened[name] += 1
        self._work(recording.stamps_ns, name)
        self._robot.recording = None
        refused = sum(bool(r.rejected) for r in recording.executed)
        self.commands += len(recording.stamps_ns)
        self.chunks += len(recording.executed) - refused
        self.refused += refused

    def _work(self, commands: list[int], event: str) -> None:
        """Follow the policy for a while; UserError where nothing is commanded any more."""
        before = len(commands)
        self._robot.spin_for(self._load.event_s)
        deadline_s = time.monotonic() + SERVICE_WAIT_S
        while len(commands) == before:
            if time.monotonic() > deadline_s:
                raise UserError(f"no command came after {event!r}: see the nodes' output")
            # Where a process was short of time, somebody must look.
            self._resume()
            self._robot.spin_for(1.0)

    def _sample(self) -> None:
        time_s = self._gone_s()
        for role, pid in self._pids.items():
            try:
                process = psutil.Process(pid)
                self.samples.add(role, pid, time_s, _had(process))
            except psutil.NoSuchProcess:
                raise UserError(f"the {role} node has ended: see its output") from None
            if role == "executor":
                self._sample_black_box(process, time_s)
        used = shutil.disk_usage(SHARED_MEMORY).used / MB
        files = float(len(os.listdir(SHARED_MEMORY)))
        self.samples.add(MACHINE, 0, time_s, {"shared memory": used, "shared files": files})

    def _sample_black_box(self, executor: psutil.Process, time_s: float) -> None:
        """One begins with each configuration of the executor, and may outlive it for a while."""
        with suppress(psutil.NoSuchProcess, IndexError):
            newest = executor.children()[-1]
            self.samples.add(BOX, 0, time_s, _had(newest))

    def _on_chunk(self, message: ActionChunk) -> None:
        if message.horizon:
            self._newest = message

    def _start_policy(self) -> None:
        process = self._policy_stack.enter_context(node_process("path_policy_node"))
        self._pids["policy"] = process.pid

    def _new_instruction(self) -> None:
        self._robot.tell("policy/set_instruction", f"task {self.happened.total()}")

    def _reset(self) -> None:
        self._robot.trigger("policy/reset")

    def _resume(self) -> None:
        # While what stopped it lasts, it refuses.
        with suppress(UserError):
            self._robot.trigger("executor/resume")

    def _refused_chunks(self) -> None:
        """Somebody else sends chunks of every kind that is refused, and ends."""
        publisher = self._robot.create_publisher(ActionChunk, "policy/action_chunk", CHUNKS)
        self._robot.spin_for(1.0)
        for spoil in SPOILED:
            if self._newest:
                publisher.publish(spoil(deepcopy(self._newest)))
            self._robot.spin_for(0.2)
        self._robot.destroy_publisher(publisher)
        self._resume()

    def _emergency_stop(self) -> None:
        self._estop.publish(Bool(data=True))
        self._robot.spin_for(1.0)
        self._estop.publish(Bool(data=False))
        self._robot.spin_for(0.2)
        self._resume()

    def _policy_again(self) -> None:
        self._transitions(("policy",), DEACTIVATE, ACTIVATE)

    def _executor_again(self) -> None:
        self._transitions(("executor",), DEACTIVATE, ACTIVATE)

    def _both_anew(self) -> None:
        self._transitions(("policy", "executor"), DEACTIVATE, CLEANUP, CONFIGURE, ACTIVATE)

    def _transitions(self, nodes: tuple[str, ...], *transitions: int) -> None:
        for transition in transitions:
            for node in nodes:
                self._robot.transition(node, transition)

    def _policy_killed(self) -> None:
        """SIGKILL; another process takes its place."""
        service = "policy/change_state"
        os.kill(self._pids.pop("policy"), signal.SIGKILL)
        self._policy_stack.close()
        deadline_s = time.monotonic() + LEASE_S
        while self._robot.count_services(service) and time.monotonic() < deadline_s:
            self._robot.spin_for(0.5)
        self._start_policy()
        self._transitions(("policy",), CONFIGURE, ACTIVATE)
        self._resume()


def _had(process: psutil.Process) -> dict[str, float]:
    """What a process has now."""
    memory = process.memory_info()
    # Of segments that all share, ever more pages have been seen; they have their row.
    return {
        "memory": (memory.rss - memory.shared) / MB,
        "threads": float(process.num_threads()),
        "descriptors": float(process.num_fds()),
    }


def _not_finite(chunk: ActionChunk) -> ActionChunk:
    chunk.tracks[0].values[3] = float("nan")
    return chunk


def _far_away(chunk: ActionChunk) -> ActionChunk:
    chunk.tracks[0].values[0] += 5.0
    return chunk


def _too_few(chunk: ActionChunk) -> ActionChunk:
    chunk.tracks[0].values = chunk.tracks[0].values[:-1]
    return chunk


def _of_another(chunk: ActionChunk) -> ActionChunk:
    chunk.activation = np.full(16, 7, np.uint8)
    return chunk


def _far_epoch(chunk: ActionChunk) -> ActionChunk:
    chunk.epoch = 2**32 - 1
    return chunk


def _of_tomorrow(chunk: ActionChunk) -> ActionChunk:
    chunk.header.stamp.sec += 86400
    return chunk


SPOILED = (_not_finite, _far_away, _too_few, _of_another, _far_epoch, _of_tomorrow)


def run(load: SoakLoad) -> tuple[dict[str, Any], ProcessSamples]:
    """Trends and what happened, and what was sampled."""
    local_graph()
    with running_node(lambda: BenchmarkRobot(load_robot("sim"))) as robot, ExitStack() as stack:
        day = Day(robot, stack, load)
        day.run()
    files = BOUNDS["shared files"]
    left = files.step + LEFT_FILES * day.happened[KILLED]
    bounds = {**BOUNDS, "shared files": replace(files, step=left)}
    trends = {
        role: {
            name: trend(lives, _bound(bounds, role, name)) for name, lives in quantities.items()
        }
        for role, quantities in day.samples.lives().items()
    }
    growing = [
        f"{role}: {name}"
        for role, found in trends.items()
        for name, one in found.items()
        if one.grows
    ]
    result = {
        "conditions": {
            **asdict(load),
            "command_rate_hz": COMMAND_RATE_HZ,
            "cpus": os.cpu_count(),
            "load_average": os.getloadavg()[0],
        },
        "broken_off": day.broken_off,
        "happened": dict(day.happened),
        "commands": day.commands,
        "chunks": day.chunks,
        "chunks_refused": day.refused,
        "trends": {role: _plain(found) for role, found in trends.items()},
        "growing": growing,
    }
    return result, day.samples


def _bound(bounds: dict[str, Bound], role: str, name: str) -> Bound:
    return BOX_MEMORY if (role, name) == (BOX, "memory") else bounds[name]


def _plain(trends: dict[str, Trend]) -> dict[str, dict[str, float]]:
    """Rounded, in the units of BOUNDS."""
    return {
        name: {key: round(value, 3) for key, value in asdict(one).items()}
        for name, one in trends.items()
    }
