"""A robot in the test process, nodes in their own: what the node tests talk with."""

from __future__ import annotations

import array
import contextlib
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import rclpy
from builtin_interfaces.msg import Time
from copied_process import CopiedProcess
from geometry_msgs.msg import PoseStamped
from lifecycle_msgs.msg import State, Transition
from lifecycle_msgs.srv import ChangeState, GetState
from rcl_interfaces.msg import SetParametersResult
from rcl_interfaces.srv import GetParameters, SetParameters
from rclpy.client import Client
from rclpy.context import Context
from rclpy.node import Node
from rclpy.parameter import Parameter, parameter_value_to_python
from sensor_msgs.msg import Image, JointState

from groot_ros.nodes.messages import to_time
from groot_ros.nodes.processes import node_command
from groot_ros.nodes.spinning import Spinner

WAIT_S = 120.0
JOINTS = [*(f"fr3_joint{i}" for i in range(1, 8)), "fr3_finger_joint1"]
TRANSITIONS = {
    "configure": Transition.TRANSITION_CONFIGURE,
    "activate": Transition.TRANSITION_ACTIVATE,
    "deactivate": Transition.TRANSITION_DEACTIVATE,
    "cleanup": Transition.TRANSITION_CLEANUP,
}
REACHED = {
    "configure": "inactive",
    "activate": "active",
    "deactivate": "inactive",
    "cleanup": "unconfigured",
}
# An answer that has not come by then is lost.
ANSWER_S = 60.0


class Graph:
    """A node of the test's own, spun in a thread; in another domain when one is given."""

    def __init__(self, domain: int | None = None, use_sim_time: bool = False) -> None:
        self._context = Context()
        rclpy.init(context=self._context, domain_id=domain)
        self.node = Node(
            "test",
            context=self._context,
            parameter_overrides=[Parameter("use_sim_time", value=use_sim_time)],
        )
        self._changed = threading.Condition()
        self._spinner = Spinner(self.node, self._context)

    def close(self) -> None:
        self._spinner.close(WAIT_S)
        self.node.destroy_node()
        self._context.shutdown()

    def remove(self, destroy: Callable[..., Any], *entity: Any) -> None:
        """Destroy an entity in the thread that waits for it, which its end would surprise."""
        self.result(self._spinner.executor.create_task(destroy, *entity), "the end of an entity")

    def collect(self, kind: type, topic: str, qos: Any = 10) -> list[Any]:
        """A list that grows with every message of a topic."""
        messages: list[Any] = []

        def store(message: Any) -> None:
            with self._changed:
                messages.append(message)
                self._changed.notify_all()

        self.node.create_subscription(kind, topic, store, qos)
        return messages

    def wait_for(self, condition: Callable[[], Any], what: str, timeout_s: float = WAIT_S) -> Any:
        """The condition's value once it is true; it is looked at after every message."""
        deadline = time.monotonic() + timeout_s
        with self._changed:
            while not (value := condition()):
                assert self._spinner.is_alive, "what spins the test's node has ended"
                left = deadline - time.monotonic()
                assert left > 0, f"waited {timeout_s:g} s for {what}"
                self._changed.wait(min(left, 0.1))
        return value

    def client(self, kind: type, name: str) -> Client:
        client = self.node.create_client(kind, name)
        assert client.wait_for_service(WAIT_S), f"no service {name}"
        return client

    def call(self, kind: type, name: str, request: Any) -> Any:
        """Answer of a service."""
        client = self.client(kind, name)
        return self.result(client.call_async(request), f"answer of {name}")

    def result(self, future: Any, what: str) -> Any:
        return self.wait_for(lambda: future.done() and (future.result() or True), what)

    def set_parameter(self, node: str, name: str, value: Any) -> SetParametersResult:
        parameter = Parameter(name, value=value).to_parameter_msg()
        request = SetParameters.Request(parameters=[parameter])
        answer: SetParameters.Response = self.call(
            SetParameters, f"{node}/set_parameters", request
        )
        return answer.results[0]

    def get_parameter(self, node: str, name: str) -> Any:
        request = GetParameters.Request(names=[name])
        answer: GetParameters.Response = self.call(
            GetParameters, f"{node}/get_parameters", request
        )
        return parameter_value_to_python(answer.values[0])

    def transition(self, node: str, name: str) -> bool:
        """Whether a lifecycle transition succeeded.

        A server drops its answer to a client that it has not found within 100 ms (rmw_fastrtps):
        then the node's state tells.
        """
        request = ChangeState.Request(transition=Transition(id=TRANSITIONS[name]))
        future = self.client(ChangeState, f"{node}/change_state").call_async(request)
        with contextlib.suppress(AssertionError):
            self.wait_for(future.done, "the answer", ANSWER_S)
            return bool(future.result().success)
        return self.state(node) == REACHED[name]

    def state(self, node: str) -> str:
        state: State = self.call(GetState, f"{node}/get_state", GetState.Request()).current_state
        return str(state.label)


class FakeRobot:
    """Joint states and poses at 50 Hz, pictures at 20 Hz, on the topics of the sim robot file.

    What it sends can be spoiled by stream, which is a topic or a camera, until `mend`.
    """

    def __init__(self, graph: Graph, width: int = 64, height: int = 48) -> None:
        node = graph.node
        self._node = node
        self._size = width, height
        self.pose = [0.5, 0.0, 0.3, 0.0, 1.0, 0.0, 0.0]
        self.mend()
        self._states = node.create_publisher(JointState, "joint_states", 10)
        self._poses = node.create_publisher(PoseStamped, "ee_pose", 10)
        self._cameras = {
            name: node.create_publisher(Image, f"{name}/image_raw", 1)
            for name in ("exterior", "wrist")
        }
        node.create_timer(0.02, self._publish_state)
        node.create_timer(0.05, self._publish_images)

    def mend(self) -> None:
        """Everything is as it should be."""
        self.joint_names = list(JOINTS)
        self.joint_positions = [0.02] * len(JOINTS)
        self.frame = "fr3_link0"
        self.silent: set[str] = set()
        self.stamps: dict[str, Callable[[int], int]] = {}
        """By stream: the stamp in ns that is sent at a time."""
        self.skipped: dict[str, int] = {}
        """By camera: how many pictures are left out for each that is sent."""
        self.frozen: set[str] = set()
        """Cameras that show one picture again and again."""
        self.pictures = {
            name: np.full((self._size[1], self._size[0], 3), 90, np.uint8)
            for name in ("exterior", "wrist")
        }
        self._ticks = 0

    def follow(self, topic: str) -> None:
        """Be from now on where the commands of a topic say."""

        def move(message: PoseStamped) -> None:
            p, q = message.pose.position, message.pose.orientation
            self.pose = [p.x, p.y, p.z, q.w, q.x, q.y, q.z]

        self._node.create_subscription(PoseStamped, topic, move, 1)

    def _stamp(self, stream: str) -> Time:
        now_ns = self._node.get_clock().now().nanoseconds
        return to_time(self.stamps.get(stream, int)(now_ns))

    def _publish_state(self) -> None:
        if "joint_states" not in self.silent:
            states = JointState(name=self.joint_names, position=self.joint_positions)
            states.header.stamp = self._stamp("joint_states")
            self._states.publish(states)
        if "ee_pose" not in self.silent:
            message = PoseStamped()
            message.header.stamp, message.header.frame_id = self._stamp("ee_pose"), self.frame
            p, q = message.pose.position, message.pose.orientation
            p.x, p.y, p.z, q.w, q.x, q.y, q.z = self.pose
            self._poses.publish(message)

    def _publish_images(self) -> None:
        self._ticks += 1
        for name, publisher in self._cameras.items():
            if name in self.silent or self._ticks % (self.skipped.get(name, 0) + 1):
                continue
            pixels = self.pictures[name]
            if name not in self.frozen:
                # The noise of a real camera, darker than black is.
                pixels[0, 0, 0] = self._ticks % 13
            height, width, _ = pixels.shape
            image = Image(height=height, width=width, encoding="rgb8", step=width * 3)
            image.header.stamp = self._stamp(name)
            image.data = array.array("B", pixels.tobytes())
            publisher.publish(image)


class NodeProcess:
    """A node of the package in a process of its own; its output is kept."""

    def __init__(self, name: str, **parameters: Any) -> None:
        arguments: list[str] = []
        for key, value in parameters.items():
            arguments += ["-p", f"{key}:={value}"]
        command = node_command(name, *(["--ros-args", *arguments] if arguments else []))
        self.output: list[str] = []
        self._process = CopiedProcess(command)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout
        self.output.extend(self._process.stdout)

    def said(self, words: str) -> bool:
        """Whether the node has logged these words."""
        return any(words in line for line in self.output)

    @property
    def pid(self) -> int:
        return self._process.pid

    def wait(self) -> int:
        """Exit code once the node has ended by itself."""
        code = self._process.wait(WAIT_S)
        self._reader.join(WAIT_S)
        return code

    def interrupt(self, times: int = 1) -> int:
        """Exit code after SIGINT, sent several times in a row."""
        for _ in range(times):
            self._process.send_signal(signal.SIGINT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(WAIT_S if times == 1 else 0.02)
        return self._process.wait(WAIT_S)

    def kill(self) -> None:
        """SIGKILL: no time to put anything in order."""
        self._process.kill()
        self._process.wait(WAIT_S)

    def close(self) -> None:
        if self._process.poll() is None:
            # A killed process leaves its shared memory behind.
            self._process.send_signal(signal.SIGINT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(WAIT_S)
            self._process.kill()
            self._process.wait(WAIT_S)
        self._reader.join(WAIT_S)


class Relay:
    """Repeats a topic of one graph in another one, until it is cut."""

    def __init__(self, source: Graph, target: Graph, kind: type, topic: str) -> None:
        self.cut = False
        self.passed = 0
        self._target = target
        self._publisher = target.node.create_publisher(kind, topic, 1)
        source.node.create_subscription(kind, topic, self._pass, 1)

    def _pass(self, message: Any) -> None:
        if not self.cut:
            self.passed += 1
            self._publisher.publish(message)

    def close(self) -> None:
        self.cut = True
        self._target.remove(self._target.node.destroy_publisher, self._publisher)
