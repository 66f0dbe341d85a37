"""A robot, a policy and the clock of both, for an executor in a process of its own."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import rclpy
from chunk_sender import circle_chunk
from geometry_msgs.msg import PoseStamped
from graph import NodeProcess
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor
from std_msgs.msg import Bool
from std_srvs.srv import Trigger

from groot_ros.incidents.incident import Incident
from groot_ros.incidents.incident_folder import incidents_in
from groot_ros.nodes.lockstep_clock import LockstepClock
from groot_ros.nodes.lockstep_traffic import TrafficNode
from groot_ros.nodes.messages import pose_stamped, to_action_chunk
from groot_ros.observation.fields import from_pose, to_ns
from groot_ros_msgs.msg import ActionChunk, ExecutorState

PERIOD_NS = 10_000_000
CHUNK_TICKS = 15
WAIT_S = 300.0


@dataclass
class Robot:
    """A robot at the executor's command, a policy that sends chunks, and the clock of both."""

    node: TrafficNode
    clock: LockstepClock
    chunks_come: bool = True
    states_come: bool = True
    chunks_are_whole: bool = True
    ticks: int = 0
    chunk_id: int = 0
    commands: list[tuple[int, np.ndarray]] = field(default_factory=list)
    states: list[ExecutorState] = field(default_factory=list)
    executor: NodeProcess = field(init=False)

    def __post_init__(self) -> None:
        node = self.node
        self.pose = circle_chunk(0).signals["ee_pose"][0]
        self.activation = np.full(16, 7, np.uint8)
        self.poses = node.create_publisher(PoseStamped, "ee_pose", 10)
        self.chunks = node.create_publisher(ActionChunk, "policy/action_chunk", 10)
        self.estop = node.create_publisher(Bool, "emergency_stop", 1)
        node.create_subscription(PoseStamped, "target_pose", self.obey, 10)
        node.create_subscription(ExecutorState, "executor/state", self.states.append, 10)

    def obey(self, message: PoseStamped) -> None:
        self.pose = from_pose(message.pose)
        self.commands.append((to_ns(message.header.stamp), self.pose))

    def step(self, seconds: float) -> None:
        """Let so much simulated time pass."""
        for _ in range(round(seconds * 1e9 / PERIOD_NS)):
            now_ns = self.clock.time_ns
            if self.states_come:
                self.poses.publish(pose_stamped(self.pose, now_ns, "fr3_link0"))
            if self.chunks_come and self.ticks % CHUNK_TICKS == 0:
                self.send_chunk(now_ns)
            self.clock.tick()
            self.ticks += 1

    def send_chunk(self, now_ns: int) -> None:
        self.chunk_id += 1
        message = to_action_chunk(circle_chunk(now_ns), "fr3_link0", [])
        message.chunk_id, message.activation = self.chunk_id, self.activation
        if not self.chunks_are_whole:
            message.tracks[0].values = message.tracks[0].values[:-1]
        self.chunks.publish(message)

    def moved_until_s(self, since_ns: int) -> float:
        """When it came to rest, in s after a time."""
        stamps_ns = np.array([stamp_ns for stamp_ns, _ in self.commands])
        places = np.array([pose[:3] for _, pose in self.commands])
        ways_m = np.linalg.norm(np.diff(places, axis=0), axis=1)
        return float(stamps_ns[np.flatnonzero(ways_m > 1e-7)[-1] + 1] - since_ns) / 1e9

    def call(self, kind: type, name: str, request: object) -> Any:
        client = self.node.create_client(kind, name)
        assert client.wait_for_service(WAIT_S)
        future = client.call_async(request)
        done = threading.Event()
        future.add_done_callback(lambda _: done.set())
        assert done.wait(WAIT_S)
        return future.result()

    def transition(self, transition_id: int) -> None:
        request = ChangeState.Request(transition=Transition(id=transition_id))
        assert self.call(ChangeState, "executor/change_state", request).success

    def live_through_a_stop(self, pressed_s: float, folder: Path) -> list[Path]:
        """Move, be stopped and go on until the end; the incidents of that."""
        self.step(2.0)
        self.estop.publish(Bool(data=True))
        self.step(pressed_s)
        self.estop.publish(Bool(data=False))
        self.step(0.1)
        assert self.call(Trigger, "executor/resume", Trigger.Request()).success
        self.step(1.0)
        self.transition(Transition.TRANSITION_DEACTIVATE)
        self.transition(Transition.TRANSITION_CLEANUP)
        self.wait_for_incident("deactivated", folder)
        return incidents_in(folder)

    def wait_for_incident(self, words: str, folder: Path) -> Path:
        """Whoever writes it outlives the executor."""
        deadline_s = time.monotonic() + WAIT_S
        while not (path := incident_of(words, folder)):
            assert time.monotonic() < deadline_s, f"no incident tells of {words!r}"
            time.sleep(0.05)
        return path


def incident_of(words: str, folder: Path) -> Path | None:
    """The incident that ends with something, once it is whole."""
    for path in incidents_in(folder):
        if words in Incident.read(path).events[-1].sentence:
            return path
    return None


@contextmanager
def stepped_robot(**parameters: Any) -> Iterator[Robot]:
    """A robot whose executor is active, and has these parameters."""
    context = Context()
    rclpy.init(context=context)
    node = TrafficNode("robot", context=context)
    robot = Robot(node, LockstepClock(node, PERIOD_NS, 0.0, WAIT_S))
    spinner = SingleThreadedExecutor(context=context)
    spinner.add_node(node)
    thread = threading.Thread(target=spinner.spin, daemon=True)
    thread.start()
    executor = robot.executor = NodeProcess(
        "executor_node", lockstep="true", use_sim_time="true", **parameters
    )
    robot.transition(Transition.TRANSITION_CONFIGURE)
    robot.transition(Transition.TRANSITION_ACTIVATE)
    robot.step(0.1)
    assert robot.clock.members == {"/executor"}
    yield robot
    executor.close()
    spinner.shutdown()
    thread.join(WAIT_S)
    node.destroy_node()
    context.shutdown()
