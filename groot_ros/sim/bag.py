"""Bags of simulated episodes, as the recorder would write them but without ROS and faster."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from groot_ros.cameras.image import IMAGE
from groot_ros.data.bags.episode_info import FAILURE, SUCCESS, EpisodeInfo
from groot_ros.data.bags.metadata import Topic
from groot_ros.data.bags.serialized import MessageMaker
from groot_ros.data.bags.writer import BagWriter
from groot_ros.observation.fields import NS
from groot_ros.observation.signal_messages import FLOAT, JOINT_STATE, POSE
from groot_ros.policy import Policy
from groot_ros.robot.config import RobotConfig, load_robot
from groot_ros.signals.signals import EE_POSE, GRIP, Signals
from groot_ros.sim.perturbed import PerturbedPolicy
from groot_ros.sim.rollout import observe
from groot_ros.sim.scene import ARM_JOINTS, CAMERAS, FINGER_JOINTS
from groot_ros.sim.simulation import Simulation

Array = NDArray[np.float64]

# Any time that is not zero, which would mean that there is none.
BEGIN_NS = 1_700_000_000 * NS


@dataclass(frozen=True)
class BagOptions:
    """How an episode is recorded; the robot executes `executed_steps` of each chunk."""

    image_rate_hz: float = 30.0
    executed_steps: int = 4
    time_limit_s: float = 15.0
    lead_s: float = 0.0
    """Time before the first command."""
    tail_s: float = 0.3
    """Time after the task is done or the limit has come."""
    camera_latency_s: float = 0.0
    state_latency_s: float = 0.0
    """How late pictures and states arrive; their stamps say when they were taken."""
    begin_ns: int = BEGIN_NS
    compress: bool = False


class SimulationRecorder:
    """Writes what a simulated robot measures and is told into a bag."""

    def __init__(
        self, path: Path, simulation: Simulation, robot: RobotConfig, options: BagOptions
    ) -> None:
        self._simulation = simulation
        self._robot = robot
        self._options = options
        self._messages = MessageMaker()
        self._pictures = 0
        self.writer = BagWriter(path, options.compress)
        for topic, type_name in self._topics().items():
            self.writer.add_topic(Topic(f"/{topic.lstrip('/')}", type_name))

    def _topics(self) -> dict[str, str]:
        streams, commands = self._robot.observations, self._robot.commands
        assert streams.joint_position and streams.ee_pose and commands.ee_pose and commands.grip
        topics = {streams.joint_position.topic: JOINT_STATE, streams.ee_pose.topic: POSE}
        topics |= {streams.cameras[name].topic: IMAGE for name in CAMERAS}
        return {**topics, commands.ee_pose: POSE, commands.grip.topic: FLOAT}

    @property
    def now_ns(self) -> int:
        return self._options.begin_ns + round(self._simulation.time_s * NS)

    def _write(self, topic: str, data: bytes, late_s: float = 0.0) -> None:
        time_ns = self.now_ns + round(late_s * NS)
        self.writer.write(f"/{topic.lstrip('/')}", time_ns, time_ns, data)

    def measure(self) -> None:
        """Record the state, and pictures when they are due."""
        simulation, streams = self._simulation, self._robot.observations
        assert streams.joint_position and streams.ee_pose
        state_s, camera_s = self._options.state_latency_s, self._options.camera_latency_s
        positions = dict(zip(ARM_JOINTS, simulation.joint_position.tolist(), strict=True))
        positions |= dict.fromkeys(FINGER_JOINTS, simulation.finger_position)
        joints = self._messages.joint_state(self.now_ns, positions)
        self._write(streams.joint_position.topic, joints, state_s)
        pose = self._messages.pose(self.now_ns, self._robot.base_frame, simulation.ee_pose)
        self._write(streams.ee_pose.topic, pose, state_s)
        # The times of the control periods are sums of floating point numbers.
        if simulation.time_s * self._options.image_rate_hz + 1e-6 >= self._pictures:
            self._pictures += 1
            for camera in CAMERAS:
                picture = self._messages.image(self.now_ns, camera, simulation.render(camera))
                self._write(streams.cameras[camera].topic, picture, camera_s)

    def command(self, wanted: Signals, executed: Signals | None = None) -> None:
        """Record a pose and a closure and lead the robot there, or to `executed` instead."""
        self.note(wanted)
        self._simulation.set_targets(wanted if executed is None else executed)

    def note(self, commanded: Signals) -> None:
        """Record the pose and the closure that are commanded, as far as there are any."""
        commands = self._robot.commands
        assert commands.ee_pose and commands.grip
        if (pose := commanded.get(EE_POSE.name)) is not None:
            message = self._messages.pose(self.now_ns, self._robot.base_frame, pose)
            self._write(commands.ee_pose, message)
        if (closure := commanded.get(GRIP.name)) is not None:
            value = commands.grip.raw(float(closure))
            self._write(commands.grip.topic, self._messages.float64(value))

    def tell(self, topic: str, type_name: str, **fields: Any) -> None:
        """Record a message of another topic; its header is of now."""
        header = self._messages.header(self.now_ns, self._robot.base_frame)
        if not self.writer.knows(f"/{topic}"):
            self.writer.add_topic(Topic(f"/{topic}", type_name))
        self._write(topic, self._messages.make(type_name, header=header, **fields))

    def advance(self) -> None:
        """Let one control period pass and record what is then."""
        self._simulation.advance(1.0 / self._simulation.config.control_rate_hz)
        self.measure()


def record_episode(
    path: Path, policy: Policy, simulation: Simulation, options: BagOptions | None = None
) -> EpisodeInfo:
    """Run a policy on a simulation that was just reset and record it as a bag at `path`.

    Of a perturbed policy the command that it meant is recorded, the perturbed one executed.
    """
    options = options or BagOptions()
    robot = load_robot("sim")
    recorder = SimulationRecorder(path, simulation, robot, options)
    instruction = simulation.task.instruction
    policy.reset(instruction)
    recorder.measure()
    _wait(recorder, simulation, options.lead_s)
    while simulation.time_s < options.time_limit_s and not simulation.succeeded:
        chunk = policy.predict(observe(simulation, instruction, policy.inputs.cameras))
        meant = policy.clean if isinstance(policy, PerturbedPolicy) else chunk
        end_ns = chunk.stamp_ns + options.executed_steps * chunk.step_ns
        while round(simulation.time_s * NS) < end_ns:
            now_ns = round(simulation.time_s * NS)
            recorder.command(meant.sample(now_ns), chunk.sample(now_ns))
            recorder.advance()
    _wait(recorder, simulation, options.tail_s)
    info = EpisodeInfo(
        episode=path.name,
        robot=robot.name,
        instruction=instruction,
        outcome=SUCCESS if simulation.succeeded else FAILURE,
        reason="stopped",
    )
    recorder.writer.annotate(info.to_custom_data())
    recorder.writer.finish()
    return info


def _wait(recorder: SimulationRecorder, simulation: Simulation, duration_s: float) -> None:
    end_s = simulation.time_s + duration_s
    while simulation.time_s < end_s - 1e-9:
        recorder.advance()
