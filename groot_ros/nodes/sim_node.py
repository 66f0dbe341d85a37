"""The simulated arm as a robot driver: plain topics, no lifecycle, up at once."""

from __future__ import annotations

import array
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from geometry_msgs.msg import PoseStamped
from rclpy.node import Node
from rclpy.publisher import Publisher
from rclpy.qos import DurabilityPolicy, QoSProfile
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import Image, JointState
from std_msgs.msg import Bool, Float64, Header, Int64, String
from std_srvs.srv import Trigger
from trajectory_msgs.msg import JointTrajectory

from groot_ros.buffer import pick_joints
from groot_ros.errors import UserError
from groot_ros.nodes import parameters
from groot_ros.nodes.lifecycle import run_node
from groot_ros.nodes.messages import NS, from_pose, pose_stamped, to_ns, to_time
from groot_ros.nodes.parameters import parameter
from groot_ros.robot import RobotConfig, load_robot
from groot_ros.sim.live import LiveSimulation, Pictures, State
from groot_ros.sim.scene import ARM_JOINTS, BASE_FRAME, CAMERAS, CUBE_COLORS, FINGER_JOINTS
from groot_ros.sim.simulation import SimConfig, Simulation
from groot_ros.sim.tasks import Task
from groot_ros.sim.world import WorldConfig
from groot_ros_msgs.srv import SetInstruction

LATCHED = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
IMAGE_DEPTH = 2
STATE_DEPTH = 10


@dataclass(frozen=True)
class SimParameters:
    """Parameters of the simulation node."""

    robot: str = parameter("sim", "robot file that names the topics", read_only=True)
    task: str = parameter("pick up the red cube", "what is to be done, in words", read_only=True)
    seed: int = parameter(0, "scene of the next reset; each reset goes one on", low=0)
    cubes: str = parameter("red", "colors of the cubes, separated by commas", read_only=True)
    image_width: int = parameter(
        320, "width of the pictures", unit="pixels", low=16, high=1920, read_only=True
    )
    image_height: int = parameter(
        240, "height of the pictures", unit="pixels", low=16, high=1200, read_only=True
    )
    image_rate: float = parameter(
        15.0, "pictures per second and camera", unit="Hz", low=0.1, high=60.0, read_only=True
    )
    clock: bool = parameter(
        False, "publish the simulation's own time on /clock and stamp with it", read_only=True
    )
    gui: bool = parameter(False, "open a window with the scene", read_only=True)


class SimNode(Node):
    """Publishes what the simulated robot measures and obeys the commands of its robot file."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__("sim", **kwargs)
        parameters.declare(self, SimParameters)
        settings = parameters.read(self, SimParameters)
        self._robot = load_robot(settings.robot)
        _check_robot(self._robot)
        self._seed = settings.seed
        self._task = Task.parse(settings.task)
        simulation = Simulation(_config(settings))
        self._viewer = _open_viewer(simulation) if settings.gui else None
        self._with_clock = settings.clock
        self._create_publishers()
        self._live = LiveSimulation(
            simulation,
            settings.image_rate,
            self._take_stamp,
            self._publish_state,
            self._publish_pictures,
        )
        self._reset_scene()
        self._create_subscriptions()
        self.create_service(Trigger, "~/reset", self._on_reset)
        self.create_service(SetInstruction, "~/set_task", self._on_set_task)
        parameters.guard(self, SimParameters, lambda: True, self._parameter_changed)
        self._live.start()

    def destroy_node(self) -> None:
        """Stop the simulation first: its threads publish."""
        self._live.close()
        if self._viewer:
            self._viewer.close()
        super().destroy_node()

    def _create_publishers(self) -> None:
        streams = self._robot.observations
        assert streams.joint_position and streams.ee_pose
        self._states = self.create_publisher(
            JointState, streams.joint_position.topic, STATE_DEPTH
        )
        self._poses = self.create_publisher(PoseStamped, streams.ee_pose.topic, STATE_DEPTH)
        self._cameras = {
            name: self.create_publisher(Image, camera.topic, IMAGE_DEPTH)
            for name, camera in streams.cameras.items()
        }
        self._clock_time = self.create_publisher(Clock, "/clock", 1) if self._with_clock else None
        self._success = self.create_publisher(Bool, "~/success", LATCHED)
        self._task_text = self.create_publisher(String, "~/task", LATCHED)
        self._scene_seed = self.create_publisher(Int64, "~/seed", LATCHED)
        self._told_success: bool | None = None

    def _create_subscriptions(self) -> None:
        commands = self._robot.commands
        wanted: tuple[tuple[type, str | None, Callable[[Any], None]], ...] = (
            (PoseStamped, commands.ee_pose, self._on_pose),
            (JointTrajectory, commands.joint_position, self._on_trajectory),
            (Float64, commands.grip and commands.grip.topic, self._on_grip),
        )
        for kind, topic, obey in wanted:
            if topic:
                self.create_subscription(kind, topic, self._warning_of_mistakes(topic, obey), 1)

    def _warning_of_mistakes(
        self, topic: str, obey: Callable[[Any], None]
    ) -> Callable[[Any], None]:
        def callback(message: Any) -> None:
            try:
                obey(message)
            except UserError as error:
                self.get_logger().warning(f"{topic}: {error}", throttle_duration_sec=1.0)

        return callback

    def _on_pose(self, message: PoseStamped) -> None:
        if message.header.frame_id != BASE_FRAME:
            raise UserError(f"frame is {message.header.frame_id!r}, expected {BASE_FRAME!r}")
        with self._live.paused() as simulation:
            simulation.set_pose_target(from_pose(message.pose))

    def _on_trajectory(self, message: JointTrajectory) -> None:
        path = joint_path(message, self._now_ns())
        with self._live.paused() as simulation:
            simulation.set_joint_trajectory(path.times_s, path.positions, path.velocities)

    def _on_grip(self, message: Float64) -> None:
        command = self._robot.commands.grip
        assert command
        closure = (message.data - command.open) / (command.closed - command.open)
        with self._live.paused() as simulation:
            simulation.set_grip_target(closure)

    def _on_reset(self, _: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        response.message = f"scene {self._next_seed}"
        self._reset_scene()
        response.success = True
        return response

    def _on_set_task(
        self, request: SetInstruction.Request, response: SetInstruction.Response
    ) -> SetInstruction.Response:
        try:
            task = Task.parse(request.instruction)
            with self._live.paused() as simulation:
                simulation.set_task(task)
        except UserError as error:
            response.message = str(error)
            return response
        self._task = task
        self._tell_task()
        response.success, response.message = True, task.instruction
        return response

    def _parameter_changed(self, name: str, value: Any) -> None:
        if name == "seed":
            self._next_seed = value

    def _reset_scene(self) -> None:
        with self._live.paused() as simulation:
            simulation.reset(self._next_seed, self._task)
        self._scene_seed.publish(Int64(data=self._next_seed))
        self._next_seed += 1
        self._tell_task()

    def _tell_task(self) -> None:
        self._task_text.publish(String(data=self._task.instruction))

    def _now_ns(self) -> int:
        return self._live.time_ns if self._with_clock else self._wall_ns()

    def _wall_ns(self) -> int:
        return int(self.get_clock().now().nanoseconds)
