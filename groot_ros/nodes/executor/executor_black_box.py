"""The black box of an executor node: what it hears of, and what it says."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import asdict
from typing import Any

import rclpy
from rclpy.callback_groups import CallbackGroup
from rclpy.serialization import serialize_message
from rclpy.subscription import Subscription

from groot_ros.data.bags.episode_info import software_versions
from groot_ros.data.bags.metadata import Topic
from groot_ros.errors import UserError
from groot_ros.files.shell import quoted
from groot_ros.incidents.black_box import Setup
from groot_ros.incidents.incident_folder import IncidentFolder, default_folder
from groot_ros.incidents.pickled import dumps
from groot_ros.incidents.tape import TapedExecutor
from groot_ros.incidents.writer_process import WriterProcess
from groot_ros.nodes.executor.executor_parameters import ExecutorParameters
from groot_ros.nodes.executor.kept_camera import AS_NEWEST, NEWEST, KeptCamera
from groot_ros.nodes.lifecycle import GuardedLifecycleNode
from groot_ros.nodes.raw_topics import message_class
from groot_ros.observation.buffer import ObservationBuffer
from groot_ros.observation.routes import Route, routes
from groot_ros.observation.signal_messages import JOINT_STATE
from groot_ros.observation.signal_messages import POSE as POSE_STAMPED
from groot_ros.robot.config import RobotConfig, robot_path
from groot_ros.share import user_path
from groot_ros.signals.kinds import POSE
from groot_ros_msgs.msg import ActionChunk

# More of the states that are only observed would cost the commands time.
STATES_HZ = 50.0
# No chunk that is worth keeping is larger.
LARGEST_CHUNK_BYTES = 1 << 20
# A node that ends may take a few seconds in all.
CLOSE_TIMEOUT_S = 2.0
MB, GB = 1 << 20, 10**9


class Paced(CallbackGroup):
    """Runs a callback at most once per period; newer messages replace older ones in the middleware
    meanwhile."""

    def __init__(self, period_s: float) -> None:
        super().__init__()
        self._period_s = period_s
        self._due_s = 0.0

    def can_execute(self, entity: object) -> bool:
        """Whether the next callback is due."""
        return time.monotonic() >= self._due_s

    def beginning_execution(self, entity: object) -> bool:
        """Let the next callback be due a period later."""
        self._due_s = time.monotonic() + self._period_s
        return True

    def ending_execution(self, entity: object) -> None:
        """Do nothing."""


class ExecutorBlackBox:
    """Sends the executor's inputs and outputs to a process that saves them when something fails;
    used by the node's callbacks alone.

    Its subscriptions block nobody, and it decodes no message.
    """

    def __init__(
        self,
        node: GuardedLifecycleNode,
        robot: RobotConfig,
        p: ExecutorParameters,
        executor: TapedExecutor,
        guard: AbstractContextManager[object],
        urdf: Callable[[], str],
    ) -> None:
        """`guard` is held where the executor is looked at; `urdf` tells the text of the arm's
        description, if any. UserError where the folder cannot be written."""
        self._node = node
        self._executor, self._guard = executor, guard
        self._urdf = urdf
        self._topics: dict[str, str] = {}
        self._interventions = 0
        self._tape_is_torn = False
        self._instruction = self._description = self._broken = ""
        folder = _folder(p)
        for part in folder.unfinished():
            node.get_logger().warning(
                f"{part} was not finished: `groot-ros repair {quoted(part)}` makes it readable"
            )
        self._chunk_topic = p.chunk_topic
        self._folder = folder.path
        self._writer = WriterProcess(self._setup(robot, p))
        self.newest = ""
        """Where the last incident was saved; empty for none."""
        self._cameras: list[KeptCamera] = []
        self._states: list[Subscription] = []
        self._subscribe(robot, p.incident_pictures)

    def _setup(self, robot: RobotConfig, p: ExecutorParameters) -> Setup:
        kind = POSE_STAMPED if robot.output.commanded.kind == POSE else JOINT_STATE
        return Setup(
            robot=robot,
            robot_file=robot_path(p.robot).read_text(),
            namespace=self._node.get_namespace(),
            chunk_topic=self._node.resolve_topic_name(p.chunk_topic),
            setpoint_topic=Topic(self._node.resolve_topic_name("~/setpoint"), kind),
            parameters=asdict(p),
            versions=software_versions(rclpy.get_rmw_implementation_identifier()),
            folder=self._folder,
            folder_bytes=round(p.incident_disk * GB),
            messages_bytes=p.incident_memory * MB,
        )

    def _subscribe(self, robot: RobotConfig, pictures_hz: float) -> None:
        observed = robot.observations
        cameras = observed.cameras if pictures_hz > 0 else ()
        # What it commands the executor hears anyway (`said`).
        states = [name for name in observed.signals if name not in robot.moved]
        buffer = ObservationBuffer(robot, states, cameras)
        for route in routes(buffer):
            if route.is_camera:
                camera = observed.cameras[route.streams[0]]
                pace = Paced(1.0 / pictures_hz)
                self._cameras.append(
                    KeptCamera(self._node, route, camera=camera, writer=self._writer, pace=pace)
                )
            else:
                self._states.append(self._subscribe_state(route))

    def _subscribe_state(self, route: Route) -> Subscription:
        publishers = self._node.get_publishers_info_by_topic(route.topic)
        types = {publisher.topic_type for publisher in publishers}
        route = route.among(types) or route.of_type(route.type_name)

        def keep(data: bytes) -> None:
            self._keep(route.topic, route.type_name, data)

        return self._node.create_witness(
            message_class(route.type_name),
            route.topic,
            keep,
            NEWEST,
            raw=True,
            callback_group=Paced(1.0 / STATES_HZ),
        )

    def heard(self, chunk: ActionChunk) -> None:
        """Keep a chunk that arrived, accepted or not."""
        if _chunk_bytes(chunk) > LARGEST_CHUNK_BYTES:
            return
        if chunk.instruction and chunk.instruction != self._instruction:
            self._instruction = chunk.instruction
            self._writer.tell("instruction", self._instruction)
        self.said(self._chunk_topic, chunk)

    def said(self, name: str, message: Any) -> None:
        """Keep a message that the node publishes or receives on a topic of this unresolved
        name."""
        self._keep(name, _type_name(message), serialize_message(message))

    def _keep(self, name: str, kind: str, data: bytes) -> None:
        if (topic := self._topics.get(name)) is None:
            topic = self._topics[name] = self._node.resolve_topic_name(name)
            self._writer.tell("topic", Topic(topic, kind, AS_NEWEST))
        self._writer.tell_message(topic, self._node.now_ns(), data)

    def note(self, sentence: str, was_asked_for: bool = False) -> None:
        """Keep an event; `was_asked_for` where somebody requested it."""
        self._writer.tell("note", sentence, self._node.now_ns(), was_asked_for)

    def begin(self) -> None:
        """Begin keeping, before the first command."""
        with self._guard:
            self._executor.tape.begin(self._executor, self._node.now_ns())
        self._writer.tell("begin")

    def look(self) -> None:
        """Copy the executor if that is due, send what was kept, and report saved incidents; not to
        be called while a chunk is being joined."""
        now_ns = self._node.now_ns()
        for camera in self._cameras:
            camera.look()
        with self._guard:
            self._executor.tape.look(self._executor, now_ns)
            interventions = self._executor.interventions
        if interventions > self._interventions:
            self._interventions = interventions
            self.note("the governor corrected a command")
        self._tell_tape()
        self._writer.tell("look", now_ns)
        self._writer.push()
        self._report()

    def _tell_tape(self) -> None:
        with self._guard:
            pieces = self._executor.tape.take()
            if self._tape_is_torn and not self._writer.is_behind:
                self._executor.tape.begin(self._executor, self._node.now_ns())
                pieces, self._tape_is_torn = self._executor.tape.take(), False
                self._writer.tell("tear_tape")
        if self._writer.is_behind:
            self._tape_is_torn = True
        for piece in [] if self._tape_is_torn else pieces:
            if piece.executor:
                self._writer.tell("begin_tape", piece.begun_ns, dumps(piece.executor))
            if piece.calls:
                self._writer.tell("tape", dumps(piece.calls))
        if (text := self._urdf()) != self._description:
            self._description = text
            self._writer.tell("urdf", text)

    def end(self) -> None:
        """Save pending incidents, because commands have ceased."""
        self._tell_tape()
        self._writer.tell("end", self._node.now_ns())
        self._writer.push()

    def _report(self) -> None:
        for saved in self._writer.take_saved():
            if saved.failure:
                self._node.get_logger().error(
                    f"no incident was saved ({saved.sentence}): {saved.failure}"
                )
                continue
            self.newest = saved.path
            sentence = (
                f"saved what came before ({saved.sentence}) in {self.newest}; see it with "
                f"`groot-ros replay {quoted(self.newest)}`"
            )
            if saved.was_asked_for:
                self._node.get_logger().info(sentence)
            else:
                self._node.get_logger().warning(sentence)
        if self._writer.broken and not self._broken:
            self._broken = self._writer.broken
            self._node.get_logger().error(
                f"no incidents are saved any more, {self._broken}: configure this node again"
            )

    @property
    def left_out(self) -> int:
        """Number of messages that its process could not take."""
        return self._writer.left_out

    def close(self) -> None:
        """Destroy the subscriptions, and wait briefly for pending writes."""
        for subscription in self._states:
            self._node.destroy_subscription(subscription)
        for camera in self._cameras:
            camera.close()
        has_ended = self._writer.close(CLOSE_TIMEOUT_S)
        self._report()
        if not has_ended:
            self._node.get_logger().info(
                f"process {self._writer.pid} finishes what is being saved in {self._folder}"
            )


def _folder(p: ExecutorParameters) -> IncidentFolder:
    path = user_path(p.incident_folder).resolve() if p.incident_folder else default_folder()
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(
            f"incidents cannot be saved in {path} ({error.strerror}): give parameter "
            "incident_folder a folder of yours, or set black_box to false"
        ) from error
    return IncidentFolder(path, round(p.incident_disk * GB))


def _type_name(message: Any) -> str:
    kind = type(message)
    return f"{kind.__module__.split('.')[0]}/msg/{kind.__name__}"


def _chunk_bytes(chunk: ActionChunk) -> int:
    """About, without looking at the values."""
    texts = (chunk.codec, chunk.codec_hash, chunk.instruction, chunk.grade_reason)
    tracks = sum(8 * len(t.values) + 64 * len(t.names) for t in chunk.tracks[:64])
    return tracks + sum(map(len, texts)) + 64 * len(chunk.tracks)
