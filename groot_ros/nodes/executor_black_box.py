"""The black box of an executor node: what it hears of, and what it says."""

from __future__ import annotations

import array
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import asdict
from functools import partial
from typing import Any

import cv2
import rclpy
from rclpy.callback_groups import CallbackGroup
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rclpy.serialization import serialize_message
from rclpy.subscription import Subscription
from sensor_msgs.msg import CompressedImage, Image

from groot_ros.buffer import ObservationBuffer
from groot_ros.cameras.catalog import VIDEO_TYPES, kind_of, message_to_rgb
from groot_ros.chunks.chunk import Setpoint
from groot_ros.data.bag_metadata import Topic
from groot_ros.data.episode_info import software_versions
from groot_ros.errors import UserError
from groot_ros.incidents.black_box import BlackBox, Surroundings
from groot_ros.incidents.incident_folder import IncidentFolder, default_folder
from groot_ros.incidents.tape import TapedExecutor
from groot_ros.nodes.executor_parameters import ExecutorParameters
from groot_ros.nodes.lifecycle import GuardedLifecycleNode
from groot_ros.nodes.outputs import setpoint_message
from groot_ros.nodes.raw_topics import message_class, offered_qos
from groot_ros.robot import CameraStream, RobotConfig, robot_path
from groot_ros.share import user_path
from groot_ros.stream_store import COMPRESSED_IMAGE, Route, routes
from groot_ros_msgs.msg import ActionChunk

JPEG_QUALITY = 90
# More of the states that are only observed would cost the commands time.
STATES_HZ = 50.0
# No chunk that is worth keeping is larger.
LARGEST_CHUNK_BYTES = 1 << 20
# A node that ends may take a few seconds in all.
CLOSE_TIMEOUT_S = 2.0
MB, GB = 1 << 20, 10**9
NEWEST = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)


class Paced(CallbackGroup):
    """Lets a callback run once per period; newer messages take the place of older ones meanwhile,
    in the middleware and without this process."""

    def __init__(self, period_s: float) -> None:
        super().__init__()
        self._period_s = period_s
        self._due_s = 0.0

    def can_execute(self, entity: object) -> bool:
        """Whether the next one is due."""
        return time.monotonic() >= self._due_s

    def beginning_execution(self, entity: object) -> bool:
        """The next one is due a period later."""
        self._due_s = time.monotonic() + self._period_s
        return True

    def ending_execution(self, entity: object) -> None:
        """It ends as it will."""


class ExecutorBlackBox:
    """Feeds a black box with what an executor hears and says; used by the node's callbacks alone.

    Nobody waits for its subscriptions, and it decodes no message but pictures.
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
        self._topics: dict[str, Topic] = {}
        folder = _folder(p)
        for part in folder.unfinished():
            node.get_logger().warning(
                f"{part} was not finished: `groot-ros repair {part}` makes it readable"
            )
        self._chunk_topic = p.chunk_topic
        self._box = BlackBox(
            folder,
            self._surroundings(robot, p, urdf),
            p.incident_memory * MB,
        )
        self.newest = ""
        """Where the last incident was saved; empty for none."""
        self._subscriptions = list(self._subscribe(robot, p.incident_pictures))

    def _surroundings(
        self, robot: RobotConfig, p: ExecutorParameters, urdf: Callable[[], str]
    ) -> Surroundings:
        node = self._node

        def setpoint(value: Setpoint, stamp_ns: int) -> bytes:
            return bytes(serialize_message(setpoint_message(robot, value, stamp_ns)))

        kind = "geometry_msgs/msg/PoseStamped"
        if robot.output.commanded != "ee_pose":
            kind = "sensor_msgs/msg/JointState"
        return Surroundings(
            robot=robot.name,
            robot_file=robot_path(p.robot).read_text(),
            urdf=urdf,
            namespace=node.get_namespace(),
            chunk_topic=node.resolve_topic_name(p.chunk_topic),
            parameters=asdict(p),
            versions=software_versions(rclpy.get_rmw_implementation_identifier()),
            setpoint_topic=Topic(node.resolve_topic_name("~/setpoint"), kind),
            setpoint=setpoint,
        )

    def _subscribe(self, robot: RobotConfig, pictures_hz: float) -> list[Subscription]:
        observed = robot.observations
        cameras = observed.cameras if pictures_hz > 0 else ()
        # What it commands the executor hears anyway (`said`).
        states = [name for name in observed.states if name != robot.output.commanded]
        buffer = ObservationBuffer(robot, states, cameras)
        found = []
        for route in routes(buffer):
            if route.type_name in VIDEO_TYPES:
                self._node.get_logger().info(f"incidents hold no video: {route.topic} is left out")
            elif route.is_camera:
                camera = observed.cameras[route.streams[0]]
                found.append(self._subscribe_camera(route, camera, pictures_hz))
            else:
                found.append(self._subscribe_state(route))
        return found

    def _subscribe_state(self, route: Route) -> Subscription:
        topic = Topic(self._node.resolve_topic_name(route.topic), route.type_name, (_QOS,))

        def keep(data: bytes) -> None:
            self._box.keep(topic, self._node.now_ns(), bytes(data))

        kind = message_class(route.type_name)
        return self._node.create_witness(
            kind, route.topic, keep, NEWEST, raw=True, callback_group=Paced(1.0 / STATES_HZ)
        )

    def _subscribe_camera(
        self, route: Route, camera: CameraStream, rate_hz: float
    ) -> Subscription:
        name = self._node.resolve_topic_name(route.topic)
        as_it_is = route.type_name == COMPRESSED_IMAGE
        topic = Topic(name if as_it_is else f"{name}/compressed", COMPRESSED_IMAGE, (_QOS,))

        def keep(message: Any) -> None:
            work = partial(_bytes_of if as_it_is else _compressed, message, camera)
            self._box.keep_picture(topic, self._node.now_ns(), work)

        return self._node.create_witness(
            message_class(route.type_name),
            route.topic,
            keep,
            NEWEST,
            callback_group=Paced(1.0 / rate_hz),
        )

    def heard(self, chunk: ActionChunk) -> None:
        """A chunk has come, whatever becomes of it."""
        if _chunk_bytes(chunk) <= LARGEST_CHUNK_BYTES:
            self._box.instruction = chunk.instruction or self._box.instruction
            self.said(self._chunk_topic, chunk)

    def said(self, name: str, message: Any) -> None:
        """The node publishes this, or has heard it anyway, on a topic of this name, unresolved."""
        if (topic := self._topics.get(name)) is None:
            resolved = self._node.resolve_topic_name(name)
            topic = self._topics[name] = Topic(resolved, _type_name(message), (_QOS,))
        self._box.keep(topic, self._node.now_ns(), bytes(serialize_message(message)))

    def note(self, sentence: str) -> None:
        """Something has gone wrong."""
        self._box.note(sentence, self._node.now_ns())

    def begin(self) -> None:
        """Commands follow."""
        with self._guard:
            self._box.begin(self._executor, self._node.now_ns())

    def look(self) -> None:
        """Copy and save what is due, and tell the operator what was saved."""
        self._box.look(self._executor, self._guard, self._node.now_ns())
        self._report()

    def end(self) -> None:
        """Nothing is commanded any more: save what there is to save."""
        self._box.end(self._executor, self._guard, self._node.now_ns())

    def _report(self) -> None:
        for saved in self._box.take_saved():
            if saved.bag.failure:
                self._node.get_logger().error(
                    f"no incident was saved ({saved.sentence}): {saved.bag.failure}"
                )
                continue
            self.newest = str(saved.bag.path)
            self._node.get_logger().warning(
                f"saved what came before ({saved.sentence}) in {self.newest}; see it with "
                f"`groot-ros replay {self.newest}`"
            )

    def close(self) -> None:
        """Hear no more, and wait for what is being written."""
        for subscription in self._subscriptions:
            self._node.destroy_subscription(subscription)
        late = self._box.close(CLOSE_TIMEOUT_S)
        self._report()
        for path in late:
            self._node.get_logger().error(
                f"the disk is too slow, {path} is not finished: `groot-ros repair {path}.part`"
            )


_QOS = offered_qos(NEWEST)


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


def _bytes_of(message: CompressedImage, _: CameraStream) -> bytes:
    """ValueError for video, of which single packets are no pictures."""
    if video := kind_of(message).video(message):
        raise UserError(f"incidents hold no video ({video})")
    return bytes(serialize_message(message))


def _compressed(message: Image, camera: CameraStream) -> bytes:
    """A picture as JPEG in a serialised CompressedImage; ValueError where it is none."""
    picture = cv2.cvtColor(message_to_rgb(message, camera), cv2.COLOR_RGB2BGR)
    made, data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    if not made:
        raise UserError(f"no JPEG holds a picture of {picture.shape[1]}x{picture.shape[0]}")
    # Of bytes a message would look at every one.
    jpeg = array.array("B", data.tobytes())
    compressed = CompressedImage(header=message.header, format="jpeg", data=jpeg)
    return bytes(serialize_message(compressed))
