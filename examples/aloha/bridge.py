"""gym-aloha's cube transfer as a robot on ROS topics: two ViperX arms and its cameras."""

from __future__ import annotations

import sys
from functools import partial

import numpy as np
from dm_control import mujoco
from geometry_msgs.msg import Point
from gym_aloha.constants import ASSETS_DIR, DT
from gym_aloha.tasks.sim import BOX_POSE, TransferCubeTask
from gym_aloha.utils import sample_box_pose
from numpy.typing import NDArray
from sensor_msgs.msg import Image, JointState
from std_msgs.msg import Float64MultiArray, Header

from groot_ros.nodes.drivers.driver_messages import image
from groot_ros.nodes.messages import to_time
from groot_ros.nodes.qos import LATCHED
from groot_ros.nodes.sim.simulator_node import SimulatorNode, run_simulator
from groot_ros.sim.shutter import Shutter

ARMS = ("left", "right")
JOINTS = ("waist", "shoulder", "elbow", "forearm_roll", "wrist_angle", "wrist_rotate", "gripper")
CAMERAS = ("top", "angle")
SIZE, CAMERA_RATE_HZ = 224, 10.0
TRANSFERRED = 4
"""The environment's reward for a cube that the left arm has and the table has not."""


class AlohaBridge(SimulatorNode):
    """The task's own physics, action and reward; one control step of it is one tick."""

    period_s = DT

    def __init__(self) -> None:
        super().__init__()
        model = str(ASSETS_DIR / "bimanual_viperx_transfer_cube.xml")
        self._physics = mujoco.Physics.from_xml_path(model)
        self._task = TransferCubeTask()
        self._action = np.zeros(2 * len(JOINTS))
        self._done = False
        self._shutter = Shutter(CAMERA_RATE_HZ)
        # Shadows of its size take most of the time of a picture.
        quality = self._physics.model.vis.quality
        quality.shadowsize = quality.offsamples = 0
        self._states = {
            arm: self.create_publisher(JointState, f"/{arm}/joint_states", 10) for arm in ARMS
        }
        self._cameras = {
            name: self.create_publisher(Image, f"/{name}/image_raw", 2) for name in CAMERAS
        }
        self._cube = self.create_publisher(Point, "~/cube", LATCHED)
        for index, arm in enumerate(ARMS):
            obey = partial(self._obey, index * len(JOINTS))
            self.create_subscription(Float64MultiArray, f"/{arm}/commands", obey, 1)

    def show(self, scene: int) -> None:
        BOX_POSE[0] = sample_box_pose(scene)
        self._task.initialize_episode(self._physics)
        self._action = np.array(self._task.get_qpos(self._physics))
        self._done = False
        self._shutter.restart()
        x, y, z = self._physics.named.data.xpos["box"]
        self._cube.publish(Point(x=x, y=y, z=z))

    def publish(self, now_ns: int) -> None:
        positions = self._task.get_qpos(self._physics)
        header = Header(stamp=to_time(now_ns), frame_id="world")
        for index, arm in enumerate(ARMS):
            own = positions[index * len(JOINTS) : (index + 1) * len(JOINTS)]
            self._states[arm].publish(JointState(header=header, name=JOINTS, position=list(own)))
        if self._shutter.is_due(now_ns):
            for name, publisher in self._cameras.items():
                # Drawing takes most of the time.
                if publisher.get_subscription_count():
                    publisher.publish(image(self._draw(name), now_ns, name))

    def advance(self) -> bool:
        self._task.before_step(self._action, self._physics)
        self._physics.step(round(DT / self._physics.timestep()))
        self._done = self._done or self._task.get_reward(self._physics) == TRANSFERRED
        return self._done

    def _draw(self, camera: str) -> NDArray[np.uint8]:
        picture: NDArray[np.uint8] = self._physics.render(
            SIZE, SIZE, camera_id=camera, render_flag_overrides={"shadow": False}
        )
        return picture

    def _obey(self, first: int, message: Float64MultiArray) -> None:
        if len(message.data) != len(JOINTS):
            self.get_logger().warning(f"{len(message.data)} commands, expected {len(JOINTS)}")
            return
        self._action[first : first + len(JOINTS)] = message.data


if __name__ == "__main__":
    sys.exit(run_simulator(AlohaBridge))
