"""The simulated arm as a robot driver: plain topics, no lifecycle, up at once."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from geometry_msgs.msg import PoseStamped
from sensor_msgs.msg import Image, JointState
from std_msgs.msg import Float64, String
from std_srvs.srv import Trigger
from trajectory_msgs.msg import JointTrajectory

from groot_ros.errors import UserError
from groot_ros.nodes import parameters
from groot_ros.nodes.drivers.driver_messages import joint_path, warning_of_mistakes
from groot_ros.nodes.lifecycle import run_node
from groot_ros.nodes.lockstep_clock import LockstepClock
from groot_ros.nodes.lockstep_traffic import TrafficNode
from groot_ros.nodes.messages import pose_stamped
from groot_ros.nodes.qos import LATCHED
from groot_ros.nodes.sim.scene_teller import SceneTeller
from groot_ros.nodes.sim.sim_lockstep import LockstepSimulation, Streams
from groot_ros.nodes.sim.sim_messages import image, joint_state
from groot_ros.nodes.sim.sim_parameters import SimParameters
from groot_ros.observation.fields import from_pose
from groot_ros.robot.config import RobotConfig, load_robot
from groot_ros.robot.pose_stream import PoseStream
from groot_ros.sim.live import LiveSimulation, Pictures, State
from groot_ros.sim.perturbed import Disturbance, Pushes
from groot_ros.sim.scene import ARM_JOINTS, BASE_FRAME, CAMERAS
from groot_ros.sim.simulation import SimConfig, Simulation
from groot_ros.sim.starts import STARTS
from groot_ros.sim.tasks import Task
from groot_ros.sim.world import WorldConfig
from groot_ros_msgs.srv import SetInstruction

IMAGE_DEPTH = 2
STATE_DEPTH = 10
PUSH_RATE_HZ = 15.0


class SimNode(TrafficNode):
    """Publishes what the simulated robot measures and obeys the commands of its robot file.

    It is the clock, unless it lives in real time.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__("sim", **kwargs)
        parameters.declare(self, SimParameters)
        settings = parameters.read(self, SimParameters)
        self._robot = _load_robot(settings.robot)
        self._task = Task.parse(settings.task)
        self._next_seed = settings.seed
        self._start = settings.start
        self._disturbance = Disturbance(settings.disturbance)
        self._newest_ns = 0
        self._create_publishers()
        self._live = self._create_simulation(settings)
        if settings.gui:
            self._live.open_viewer()
        self._reset_scene()
        self._create_subscriptions()
        self.create_service(Trigger, "~/reset", self._on_reset)
        self.create_service(SetInstruction, "~/set_task", self._on_set_task)
        parameters.guard(self, SimParameters, lambda: True, self._parameter_changed)
        self._live.start()

    def destroy_node(self) -> None:
        """Stop the simulation first: its threads publish."""
        self._live.close()
        super().destroy_node()  # type: ignore[no-untyped-call]

    def _create_simulation(self, settings: SimParameters) -> LiveSimulation | LockstepSimulation:
        simulation = Simulation(_config(settings))
        told = self._publish_state, self._publish_pictures
        if settings.real_time:
            return LiveSimulation(simulation, settings.image_rate, self._stamp, *told)
        period_ns = round(1e9 / simulation.config.control_rate_hz)
        clock = LockstepClock(self, period_ns, settings.real_time_factor)
        streams = Streams(settings.image_rate, settings.state_latency, settings.camera_latency)
        return LockstepSimulation(simulation, clock, streams, *told)

    def _create_publishers(self) -> None:
        streams = self._robot.observations
        assert streams.joint_position and streams.ee_pose
        self._states = self.create_publisher(JointState, streams.joint_position.topic, STATE_DEPTH)
        self._poses = self.create_publisher(PoseStamped, streams.ee_pose.topic, STATE_DEPTH)
        self._cameras = {
            name: self.create_publisher(Image, camera.topic, IMAGE_DEPTH)
            for name, camera in streams.cameras.items()
        }
        self._teller = SceneTeller(self)
        self._task_text = self.create_publisher(String, "~/task", LATCHED)

    def _stamp(self, late_ns: int) -> int:
        return int(self.get_clock().now().nanoseconds) - late_ns

    def _publish_state(self, state: State) -> None:
        self._newest_ns = state.stamp_ns
        self._states.publish(joint_state(state))
        self._poses.publish(pose_stamped(state.ee_pose, state.stamp_ns, BASE_FRAME))
        self._teller.tell(state.succeeded)

    def _publish_pictures(self, state: State, pictures: Pictures) -> None:
        for name, publisher in self._cameras.items():
            publisher.publish(image(pictures[name], state.stamp_ns, name))
        if (lost_s := self._live.take_lost_s()) > 0:
            self.get_logger().warning(
                f"the simulation lost {lost_s:.1f} s: this machine is too slow for it, lower "
                "image_rate or make the pictures smaller",
                throttle_duration_sec=5.0,
            )

    def _create_subscriptions(self) -> None:
        commands = self._robot.commands
        grip_topic = commands.grip.topic if commands.grip else None
        wanted: tuple[tuple[type, str | None, Callable[[Any], None]], ...] = (
            (PoseStamped, commands.ee_pose, self._on_pose),
            (JointTrajectory, commands.joint_position, self._on_trajectory),
            (Float64, grip_topic, self._on_grip),
        )
        for kind, topic, obey in wanted:
            if topic:
                self.create_subscription(kind, topic, warning_of_mistakes(self, topic, obey), 1)

    def _on_pose(self, message: PoseStamped) -> None:
        if message.header.frame_id != BASE_FRAME:
            raise UserError(f"frame is {message.header.frame_id!r}, expected {BASE_FRAME!r}")
        with self._live.paused() as simulation:
            pose = from_pose(message.pose)
            if self._disturbance.probability > 0:
                step = int(simulation.time_s * PUSH_RATE_HZ)
                pose[:3] += self._pushes.steps(step, 1)[0]
            simulation.set_pose_target(pose)

    def _on_trajectory(self, message: JointTrajectory) -> None:
        path = joint_path(message, self._newest_ns, ARM_JOINTS)
        with self._live.paused() as simulation:
            simulation.set_joint_trajectory(path.times_s, path.positions, path.velocities)

    def _on_grip(self, message: Float64) -> None:
        command = self._robot.commands.grip
        assert command
        with self._live.paused() as simulation:
            simulation.set_grip_target(command.closure(message.data))

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
        elif name == "start":
            self._start = value

    def _reset_scene(self) -> None:
        with self._live.between_episodes() as simulation:
            simulation.reset(self._next_seed, self._task, STARTS[self._start])
            self._pushes = Pushes(self._next_seed, self._disturbance)
        self._teller.begin(self._next_seed)
        self._next_seed += 1
        self._tell_task()

    def _tell_task(self) -> None:
        self._task_text.publish(String(data=self._task.instruction))


def _load_robot(name: str) -> RobotConfig:
    robot = load_robot(name)
    streams = robot.observations
    same_arm = streams.joint_position and streams.joint_position.joints == ARM_JOINTS
    has_pose = type(streams.ee_pose) is PoseStream
    if not (same_arm and has_pose and robot.base_frame == BASE_FRAME):
        raise UserError(
            f"robot file {name!r} describes another robot than the simulated one, expected "
            f"base_frame {BASE_FRAME}, a topic for ee_pose, and the joints {', '.join(ARM_JOINTS)}"
        )
    if unknown := set(streams.cameras) - set(CAMERAS):
        raise UserError(
            f"robot file {name!r} has the cameras {sorted(unknown)}, the simulated robot only "
            f"{list(CAMERAS)}"
        )
    return robot


def _config(settings: SimParameters) -> SimConfig:
    return SimConfig(
        world=WorldConfig(cubes=tuple(settings.cubes.replace(" ", "").split(","))),
        image_width=settings.image_width,
        image_height=settings.image_height,
    )


def main() -> int:
    """Entry point of `ros2 run groot_ros sim_node`."""
    try:
        return run_node(SimNode)
    except UserError as error:
        print(f"sim_node: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
