"""An arm that chunks move, seen from outside, and what sends the chunks."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
from geometry_msgs.msg import PoseStamped
from graph import Graph
from std_srvs.srv import Trigger

from groot_ros.observation.fields import to_ns
from groot_ros_msgs.msg import ChunkReport, ExecutorState

MOVING_M = 1e-7
PERIOD_S = 0.01
PAUSE_S = 1.5 * PERIOD_S


class Sender:
    """Processes that send chunks along a circle."""

    def __init__(self) -> None:
        self._processes: list[subprocess.Popen[bytes]] = []

    def start(
        self, rate_hz: float = 6.0, epoch: int = 1, domain: int | None = None, *ros_args: str
    ) -> subprocess.Popen[bytes]:
        """One more, in another domain when one is given."""
        script = str(Path(__file__).with_name("chunk_sender.py"))
        environment = dict(os.environ)
        if domain is not None:
            environment["ROS_DOMAIN_ID"] = str(domain)
        command = [sys.executable, script, str(rate_hz), str(epoch), *ros_args]
        process = subprocess.Popen(command, env=environment)
        self._processes.append(process)
        return process

    @property
    def running(self) -> list[subprocess.Popen[bytes]]:
        return [process for process in self._processes if process.poll() is None]

    def close(self) -> None:
        """End them all."""
        for process in self._processes:
            process.kill()
            process.wait()


class Arm:
    """What the executor commands and says."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.poses = graph.collect(PoseStamped, "/target_pose", 1000)
        self.states = graph.collect(ExecutorState, "/executor/state")
        self.reports = graph.collect(ChunkReport, "/executor/chunk_report")

    def wait_moving(self) -> None:
        newest = len(self.poses)
        self.graph.wait_for(
            lambda: len(self.poses) > newest + 30 and self.states[-1].activity == "executing",
            "the arm to move",
        )

    def set_moving(self) -> None:
        """Resume until it moves: a process that is short of time may have stopped it again."""
        newest = len(self.poses)

        def moves() -> bool:
            if not self.states:
                return False
            if self.states[-1].needs_resume:
                self.resume()
            return len(self.poses) > newest + 30 and self.states[-1].activity == "executing"

        self.graph.wait_for(moves, "the arm to move")

    def wait_stopped(self, words: str) -> ExecutorState:
        """The state once the arm rests for this reason."""

        def stopped() -> ExecutorState | None:
            state = self.states[-1]
            rests = state.activity in ("holding", "idle")
            return state if rests and words in state.stop_reason else None

        state: ExecutorState = self.graph.wait_for(stopped, words)
        return state

    def moved_until_s(self) -> float:
        """Time of the last command that was not at rest; the commands obey the limits.

        After a pause in commanding the motion begins where the robot is, which a test process
        that is short of time tells late: only commands a period apart are judged.
        """
        stamps, places = self.commands()
        ways = np.linalg.norm(np.diff(places, axis=0), axis=1)
        pauses_s = np.diff(stamps)
        # The limit of the robot file, 0.5 m/s, and what the clock's jitter adds to it.
        over = np.where(pauses_s < PAUSE_S, ways - 0.5 * (pauses_s + 0.01), -1.0)
        worst = int(np.argmax(over))
        assert over[worst] < 0.0, (
            f"{ways[worst] * 1e3:.1f} mm in {pauses_s[worst] * 1e3:.1f} ms, "
            f"command {worst} of {len(ways)}: {places[worst - 2 : worst + 4].tolist()}"
        )
        moving = np.flatnonzero(ways > MOVING_M)
        return float(stamps[moving[-1] + 1])

    def velocities(self) -> np.ndarray:
        """Along x and y (N, 2) in m/s, a command a period after the last one."""
        return np.diff(self.commands()[1], axis=0) / PERIOD_S

    def wait_resting(self) -> None:
        """Whatever the reason is."""
        self.graph.wait_for(
            lambda: self.states[-1].activity in ("holding", "idle"), "the arm to rest"
        )

    def assert_decelerated(self, most_m_s2: float, since: int) -> None:
        """It rests, and no command from number `since` on changed its velocity more than is
        allowed."""
        pauses_s, velocities = np.diff(self.commands()[0])[since:], self.velocities()[since:]
        # The very last command may be lost with its process.
        assert np.linalg.norm(velocities[-1]) < 2 * most_m_s2 * PERIOD_S
        # One that this process was too slow for is missing; a clock that is set hides none.
        missing = (pauses_s > 1.5 * PERIOD_S) & (pauses_s < 0.5)
        whole = ~(missing[1:] | missing[:-1])
        changes = np.linalg.norm(np.diff(velocities, axis=0), axis=1)[whole]
        assert changes.max() <= most_m_s2 * PERIOD_S * 1.05

    def tell(self, fault: str, since_s: float, words: str) -> float:
        """Print a row of the table of faults; returns how long the arm took to rest, in s."""
        rest_s = max(0.0, self.moved_until_s() - since_s)
        print(f"fault: {fault} | at rest after {rest_s:.2f} s | {words}")
        return rest_s

    def tell_unharmed(self, fault: str, words: str) -> None:
        """Print a row of a fault that the arm goes on with."""
        print(f"fault: {fault} | goes on | {words}")

    def commands(self) -> tuple[np.ndarray, np.ndarray]:
        """Times in s, and positions along x and y, of all that was commanded."""
        poses = list(self.poses)
        stamps = np.array([to_ns(pose.header.stamp) / 1e9 for pose in poses])
        places = np.array([[p.pose.position.x, p.pose.position.y] for p in poses])
        return stamps, places

    def commanded_after(self, state: ExecutorState) -> int:
        """How many commands are younger than a state."""
        stamps, _ = self.commands()
        return int(np.sum(stamps > to_ns(state.header.stamp) / 1e9))

    def now_s(self) -> float:
        return self.graph.node.get_clock().now().nanoseconds / 1e9

    def resume(self) -> Trigger.Response:
        return self.graph.call(Trigger, "/executor/resume", Trigger.Request())
