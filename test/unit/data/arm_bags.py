"""Bags of an arm whose motion is known at every time, with faults where a test wants them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path

import cv2
import numpy as np
import yaml
from rosbags.rosbag2 import CompressionFormat, CompressionMode, StoragePlugin, Writer
from rosbags.typesys import Stores, get_types_from_msg, get_typestore
from rosbags.typesys.store import Typestore

from groot_ros.cameras.compressed_image import COMPRESSED_IMAGE
from groot_ros.cameras.image import IMAGE
from groot_ros.data.bags.serialized import MessageMaker
from groot_ros.data.conversion.settings import Conversion
from groot_ros.data.playback.episode_choice import EpisodeChoice
from groot_ros.data.playback.turns import STATE_TYPE
from groot_ros.observation.fields import NS
from groot_ros.observation.signal_messages import FLOAT, JOINT_STATE, POSE
from groot_ros.share import share_file

BEGIN_NS = 1_700_000_000 * NS
EVENT = "groot_ros_msgs/msg/EpisodeEvent"
FOXGLOVE, FFMPEG = (
    "foxglove_msgs/msg/CompressedVideo",
    "ffmpeg_image_transport_msgs/msg/FFMPEGPacket",
)
JOINTS = tuple(f"fr3_joint{number}" for number in range(1, 8))
FRAME = "fr3_link0"
LEAD_S = 0.1
"""Commands are where the arm will be so much later."""
INSTRUCTION = "pick up the red cube"

shared_maker = cache(MessageMaker)
"""One compiles what serialises each type once."""


def position(time_s: float) -> np.ndarray:
    return np.array([0.4 + 0.05 * time_s, -0.1 + 0.02 * time_s, 0.3])


def pose(time_s: float) -> np.ndarray:
    """The hand turns steadily about the vertical, pointing down."""
    half = 0.1 * time_s
    return np.concatenate([position(time_s), [0.0, np.cos(half), np.sin(half), 0.0]])


def joints(time_s: float) -> np.ndarray:
    return np.arange(1, 8) * 0.1 + 0.05 * time_s


def grip(time_s: float) -> float:
    """Closure: open, then closing from 1 s to 2 s."""
    return float(np.clip(time_s - 1.0, 0.0, 1.0))


def picture(time_s: float, camera: str) -> np.ndarray:
    """Smooth, so that video coding keeps it, and different at every time."""
    across = np.linspace(0.0, np.pi, 64)[None, :] + time_s
    down = np.linspace(0.0, np.pi, 48)[:, None] + (camera == "wrist")
    channels = [np.sin(across + down), np.cos(across - down), np.sin(2 * down + 0 * across)]
    return np.stack([(127 + 100 * channel) for channel in channels], axis=-1).astype(np.uint8)


@dataclass(frozen=True)
class Message:
    """`arrival_s` since the beginning of the bag."""

    topic: str
    type_name: str
    arrival_s: float
    data: bytes


@dataclass
class ArmBag:
    """What to record; change the fields or `messages` for a fault."""

    seconds: float = 3.0
    state_hz: float = 50.0
    camera_hz: float = 30.0
    command_hz: float = 30.0
    image_delay_s: float = 0.03
    joint_names: tuple[str, ...] = JOINTS
    frame: str = FRAME
    clock_offset_s: float = 0.0
    """Added to the stamps, not to the times of arrival."""
    motion: Callable[[float], float] = lambda time_s: time_s
    maker: MessageMaker = field(default_factory=shared_maker)

    def stamp_ns(self, time_s: float) -> int:
        return BEGIN_NS + round((time_s + self.clock_offset_s) * NS)

    def joint_state(self, time_s: float) -> bytes:
        moved = self.motion(time_s)
        by_name = dict(zip(self.joint_names, joints(moved).tolist(), strict=True))
        # The other way round than in the robot file, and the gripper between.
        positions = {"fr3_finger_joint1": 0.04 * (1 - grip(moved))} | dict(
            reversed(list(by_name.items()))
        )
        return self.maker.joint_state(self.stamp_ns(time_s), positions)

    def states(self) -> list[Message]:
        found = []
        for time_s in times(self.seconds, self.state_hz):
            data = self.maker.pose(self.stamp_ns(time_s), self.frame, pose(self.motion(time_s)))
            found.append(Message("/ee_pose", POSE, time_s, data))
            found.append(Message("/joint_states", JOINT_STATE, time_s, self.joint_state(time_s)))
        return found

    def images(self, cameras: Iterable[str] = ("exterior", "wrist")) -> list[Message]:
        found = []
        for time_s in times(self.seconds, self.camera_hz):
            for camera in cameras:
                data = self.maker.image(self.stamp_ns(time_s), camera, picture(time_s, camera))
                arrival_s = time_s + self.image_delay_s
                found.append(Message(f"/{camera}/image_raw", IMAGE, arrival_s, data))
        return found

    def commands(self) -> list[Message]:
        found = []
        for time_s in times(self.seconds, self.command_hz):
            wanted = self.motion(time_s) + LEAD_S
            data = self.maker.pose(self.stamp_ns(time_s), self.frame, pose(wanted))
            found.append(Message("/target_pose", POSE, time_s, data))
            closure = self.maker.float64(float(grip(wanted) > 0.0))
            found.append(Message("/gripper/command", FLOAT, time_s, closure))
        return found

    def messages(self) -> list[Message]:
        return [*self.states(), *self.commands(), *self.images()]


def times(seconds: float, rate_hz: float) -> list[float]:
    return [index / rate_hz for index in range(round(seconds * rate_hz))]


def image(time_s: float, **fields: object) -> bytes:
    """An Image message of which some fields are other than they should be."""
    maker = shared_maker()
    values = {
        "header": maker.header(BEGIN_NS + round(time_s * NS), "exterior"),
        "height": 48,
        "width": 64,
        "encoding": "rgb8",
        "is_bigendian": 0,
        "step": 192,
        "data": picture(time_s, "exterior").ravel(),
    }
    return maker.make(IMAGE, **(values | fields))


def padded_image(time_s: float, camera: str, padding: int = 32) -> bytes:
    """An Image whose rows end in bytes that are no pixels."""
    rows = picture(time_s, camera).reshape(48, -1)
    data = np.concatenate([rows, np.full((48, padding), 255, np.uint8)], axis=1).ravel()
    return image(time_s, step=192 + padding, data=data)


def compressed_image(time_s: float, camera: str, form: str = ".png") -> bytes:
    maker = shared_maker()
    encoded = cv2.imencode(form, cv2.cvtColor(picture(time_s, camera), cv2.COLOR_RGB2BGR))[1]
    header = maker.header(BEGIN_NS + round(time_s * NS), camera)
    return maker.make(COMPRESSED_IMAGE, header=header, format=form[1:], data=encoded.ravel())


@cache
def full_store() -> Typestore:
    """ROS 2's types, our own, and those of video, whose fields their packages document."""
    store = get_typestore(Stores.ROS2_JAZZY)
    event = share_file("groot_ros_msgs/msg/EpisodeEvent.msg").read_text()
    foxglove = "builtin_interfaces/Time timestamp\nstring frame_id\nuint8[] data\nstring format\n"
    ffmpeg = (
        "std_msgs/Header header\nint32 width\nint32 height\nstring encoding\nuint64 pts\n"
        "uint8 flags\nbool is_bigendian\nuint8[] data\n"
    )
    state = share_file("groot_ros_msgs/msg/ExecutorState.msg").read_text()
    for text, name in (
        (event, EVENT),
        (state, STATE_TYPE),
        (foxglove, FOXGLOVE),
        (ffmpeg, FFMPEG),
    ):
        store.register(get_types_from_msg(text, name))
    return store


def write_bag(
    path: Path,
    messages: Iterable[Message],
    storage: StoragePlugin = StoragePlugin.MCAP,
    compression: CompressionMode = CompressionMode.NONE,
    custom_data: dict[str, str] | None = None,
    encodings: Mapping[str, str] | None = None,
) -> Path:
    """Write messages as a rosbag2 bag with a writer that is not the project's own; `encodings` are
    said of topics whose messages are no cdr."""
    store = full_store()
    path.parent.mkdir(parents=True, exist_ok=True)
    writer = Writer(path, version=9, storage_plugin=storage)
    writer.set_compression(compression, CompressionFormat.ZSTD)
    for key, value in (custom_data or {}).items():
        writer.set_custom_data(key, value)
    with writer:
        connections = {}
        for message in sorted(messages, key=lambda message: message.arrival_s):
            key = (message.topic, message.type_name)
            if key not in connections:
                encoding = (encodings or {}).get(message.topic, "cdr")
                connections[key] = writer.add_connection(
                    *key, typestore=store, serialization_format=encoding
                )
            arrival_ns = BEGIN_NS + round(message.arrival_s * NS)
            writer.write(connections[key], arrival_ns, message.data)
    return path


def event(kind: int, time_s: float, instruction: str = "") -> Message:
    """An EpisodeEvent."""
    store = full_store()
    header = shared_maker().header(BEGIN_NS + round(time_s * NS), "")
    message = store.types[EVENT](header, kind, "episode", instruction, "")
    data = bytes(store.serialize_cdr(message, EVENT))
    return Message("/episode_events", EVENT, time_s, data)


def conversion(bags: Path | list[Path], output: Path, **changes: object) -> Conversion:
    """How most tests convert: one process, an instruction for all."""
    usual = Conversion(
        bags=bags if isinstance(bags, list) else [bags],
        robot="sim",
        codec="ee_quat_joints",
        output=output,
        choice=EpisodeChoice(instruction=INSTRUCTION),
    )
    return replace(usual, **changes)


def robot_file(path: Path, keys: Mapping[str, Mapping[str, object]]) -> str:
    """The simulated arm's file with keys added below places such as observations.grip."""
    values = yaml.safe_load(share_file("config/robots/sim.yaml").read_text())
    values["urdf"] = str(share_file("urdf/sim_arm.urdf"))
    for place, entries in keys.items():
        section = values
        for name in place.split("."):
            section = section[name]
        section.update(entries)
    path.write_text(yaml.safe_dump(values))
    return str(path)
