"""A camera's pictures live and out of a bag: the same subscription keys, the same pixels."""

from __future__ import annotations

import array
from pathlib import Path

import cv2
import numpy as np
import pytest
from encoded import stream
from graph import Graph
from rclpy.serialization import serialize_message
from rosbags.typesys import Stores, get_typestore
from sensor_msgs.msg import CompressedImage, Image
from video_camera import COUNT, video_camera

from groot_ros.errors import UserError
from groot_ros.nodes.messages import to_time
from groot_ros.nodes.streams import StreamSubscriptions
from groot_ros.observation.buffer import NotReady, ObservationBuffer
from groot_ros.observation.routes import routes
from groot_ros.robot.config import RobotConfig, load_robot
from groot_ros.share import share_file

RED = (200, 60, 10)
HEIGHT, WIDTH = 7, 9


def robot(path: Path, keys: str) -> RobotConfig:
    text = share_file("config/robots/sim.yaml").read_text()
    camera = "exterior: {topic: exterior/image_raw}"
    assert camera in text
    path.write_text(text.replace(camera, f"exterior: {{topic: /camera, {keys}}}"))
    return load_robot(str(path))


def padded_bgr() -> Image:
    rows = np.tile(np.array(RED[::-1], np.uint8), (HEIGHT, WIDTH))
    data = np.pad(rows, ((0, 0), (0, 5)), constant_values=255)
    message = Image(height=HEIGHT, width=WIDTH, encoding="8UC3", step=data.shape[1])
    message.data = array.array("B", data.tobytes())
    return message


def jpeg() -> CompressedImage:
    pixels = np.full((HEIGHT, WIDTH, 3), RED[::-1], np.uint8)
    data = cv2.imencode(".jpg", pixels)[1].tobytes()
    return CompressedImage(format="jpeg", data=array.array("B", data))


def picture(buffer: ObservationBuffer, now_ns: int) -> np.ndarray | None:
    try:
        return buffer.observe(now_ns, "")[0].images["exterior"]
    except NotReady:
        return None


@pytest.mark.parametrize(
    ("keys", "message"),
    [("encoding: bgr8", padded_bgr()), ("compressed: true", jpeg())],
    ids=["8UC3", "jpeg"],
)
def test_live_and_recorded_pictures_are_equal(
    graph: Graph, tmp_path: Path, keys: str, message: Image | CompressedImage
) -> None:
    config = robot(tmp_path / "robot.yaml", keys)
    live, recorded = (ObservationBuffer(config, (), ("exterior",)) for _ in range(2))
    StreamSubscriptions(graph.node, live)
    publisher = graph.node.create_publisher(type(message), "/camera", 1)
    stamp_ns = graph.node.get_clock().now().nanoseconds
    message.header.stamp = to_time(stamp_ns)
    graph.node.create_timer(0.1, lambda: publisher.publish(message))
    seen = graph.wait_for(lambda: picture(live, stamp_ns) is not None, "a picture")
    assert seen

    [route] = routes(recorded)
    store = get_typestore(Stores.ROS2_JAZZY)
    route.store(store.deserialize_cdr(serialize_message(message), route.type_name), stamp_ns)
    ours, theirs = picture(live, stamp_ns), picture(recorded, stamp_ns)
    assert ours is not None and theirs is not None
    np.testing.assert_array_equal(ours, theirs)
    assert ours.shape == (HEIGHT, WIDTH, 3) and np.abs(ours.astype(int) - RED).max() <= 4


def test_video_is_decoded_packet_by_packet(graph: Graph, tmp_path: Path) -> None:
    """From another process, on a topic whose name promises something else."""
    config = robot(tmp_path / "robot.yaml", "max_age: 100.0")
    buffer = ObservationBuffer(config, (), ("exterior",))
    seen: list[np.ndarray] = []

    def look() -> None:
        """In the thread that decodes, behind every packet."""
        if (shown := picture(buffer, graph.node.get_clock().now().nanoseconds)) is not None:
            seen.append(shown)

    streams = StreamSubscriptions(graph.node, buffer, look)
    try:
        with video_camera():
            graph.wait_for(lambda: len(seen) > 2 * COUNT, "two rounds of the video")
    finally:
        graph.remove(streams.close)
    whole = {shown.tobytes(): number for number, shown in stream("h264", COUNT)[1].items()}
    numbers = {whole[shown.tobytes()] for shown in seen}
    # Most of them are no key frames.
    assert len(numbers) > COUNT / 2


def test_a_type_that_is_not_installed_is_one_sentence(graph: Graph, tmp_path: Path) -> None:
    text = share_file("config/robots/sim.yaml").read_text()
    path = tmp_path / "robot.yaml"
    path.write_text(text.replace("topic: exterior/image_raw", "topic: exterior/image_raw/ffmpeg"))
    buffer = ObservationBuffer(load_robot(str(path)), ("ee_pose",), ("exterior",))
    sentence = (
        "^camera exterior: its type ffmpeg_image_transport_msgs/msg/FFMPEGPacket is not "
        "installed: source the workspace that has it, or `apt install "
        "ros-[a-z]+-ffmpeg-image-transport-msgs`$"
    )
    before = list(graph.node.subscriptions)

    def refused() -> None:
        with pytest.raises(UserError, match=sentence):
            StreamSubscriptions(graph.node, buffer)

    graph.remove(refused)
    assert list(graph.node.subscriptions) == before
