"""From live topics through the recorder to a dataset that the live path agrees with."""

from __future__ import annotations

from pathlib import Path

from geometry_msgs.msg import PoseStamped
from graph import FakeRobot, Graph
from sensor_msgs.msg import Image
from std_msgs.msg import Float64
from std_srvs.srv import Trigger

from groot_ros.data.conversion.convert import convert
from groot_ros.data.conversion.settings import Conversion
from groot_ros.data.conversion.verify import verify
from groot_ros.data.datasets.reader import Dataset
from groot_ros.data.review.validate import validate

PICTURES = 60


def test_recorded_episode_becomes_a_dataset(
    graph: Graph, robot: FakeRobot, start, tmp_path: Path
) -> None:
    bags, output = tmp_path / "bags", tmp_path / "dataset"
    start("recorder_node", output=bags, instruction="pick it", min_disk_space=0.0)
    assert graph.transition("/recorder", "configure")
    assert graph.transition("/recorder", "activate")
    pictures = graph.collect(Image, "wrist/image_raw")
    command_at_a_rate(graph)
    assert graph.call(Trigger, "/recorder/start", Trigger.Request()).success
    graph.wait_for(lambda: len(pictures) > PICTURES, "pictures")
    assert graph.call(Trigger, "/recorder/success", Trigger.Request()).success
    bag = bags / "episode_000000"
    graph.wait_for(bag.exists, "the bag")
    codec = "ee_rot6d_joints"
    report = convert(
        Conversion(bags=[bags], robot="sim", codec=codec, output=output, only_success=True)
    )
    assert report.exit_code == 0 and report.frames >= 16
    assert Dataset(output).tasks == {0: "pick it"}
    assert validate(output).problems == []
    found = verify(bag, "sim", codec, output)
    assert found.is_equal and found.rows == report.frames


def command_at_a_rate(graph: Graph) -> None:
    """Send the arm to one pose and close the gripper, 30 times a second."""
    poses = graph.node.create_publisher(PoseStamped, "target_pose", 10)
    grips = graph.node.create_publisher(Float64, "gripper/command", 10)

    def send() -> None:
        message = PoseStamped()
        message.header.stamp = graph.node.get_clock().now().to_msg()
        message.header.frame_id = "fr3_link0"
        message.pose.position.x, message.pose.orientation.x = 0.5, 1.0
        poses.publish(message)
        grips.publish(Float64(data=1.0))

    graph.node.create_timer(1 / 30, send)
