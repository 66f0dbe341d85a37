"""A stand-in for the robot of a robot file, on its own topics: lifecycle, alone, or not at all."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from types import MappingProxyType

from rclpy.clock import Clock, ClockType
from rclpy.timer import Timer
from std_msgs.msg import String

from groot_ros.errors import UserError
from groot_ros.nodes import parameters
from groot_ros.nodes.diagnostics import DiagnosticsPublisher
from groot_ros.nodes.drivers.fake_graph import FAKE, FakeGraph
from groot_ros.nodes.lifecycle import GuardedLifecycleNode, run_node
from groot_ros.nodes.qos import LATCHED
from groot_ros.nodes.sim.fake_commands import CommandSubscriptions
from groot_ros.nodes.sim.fake_parameters import FakeParameters
from groot_ros.nodes.sim.fake_publishers import PicturePublishers, StatePublishers
from groot_ros.observation.routes import DESCRIPTION_TOPIC
from groot_ros.robot.config import RobotConfig, load_robot
from groot_ros.robot.urdf import Urdf, load_urdf, parse_urdf
from groot_ros.share import user_path
from groot_ros.sim.fake.arm import LAG, FakeArm, resting_state
from groot_ros.sim.fake.arms import ArmsState
from groot_ros.sim.fake.bag import BagPictures, starting_state
from groot_ros.sim.fake.kinematics import fake_kinematics
from groot_ros.sim.fake.links import robot_links

# How long to look for a real robot before the first message.
LOOK_S, LOOK_PERIOD_S = 1.5, 0.1
WATCH_PERIOD_S = 1.0
# Looks in a row: a node that has just appeared has no name yet.
RIVAL_LOOKS = 2
# Nodes that load a model take their time to listen.
GAP_LOOKS = 10


class FakeNode(GuardedLifecycleNode):
    """Publishes and takes what the robot of a robot file would, and moves as it would.

    It looks whether anything else is on the robot's topics before it says a word, and falls silent
    when something comes. Arm and pictures are touched in the node's callbacks alone.
    """

    NAME = FAKE
    PARAMETERS = FakeParameters
    _states: Mapping[str, StatePublishers] = MappingProxyType({})
    _pictures: PicturePublishers | None = None

    def configure(self) -> None:
        self._settings = p = parameters.read(self, FakeParameters)
        self._robot = robot = load_robot(p.robot)
        self._robots = dict(robot.named_arms)
        _check_output(robot)
        self._graph = FakeGraph(self, robot_links(robot))
        self._refuse_company()
        self._description = None
        if not robot.arms and robot.output.kinematics and not robot.urdf:
            self._description = self.create_subscription(
                String, DESCRIPTION_TOPIC, self._on_description, LATCHED
            )
        self._arms: dict[str, FakeArm] = {}
        for name, arm in self._robots.items():
            self._place_arm(name, load_urdf(arm.urdf) if arm.urdf else None)
        bag = BagPictures(user_path(p.pictures), robot) if p.pictures else None
        size = p.image_width, p.image_height
        self._states = {name: StatePublishers(self, arm) for name, arm in self._robots.items()}
        self._pictures = PicturePublishers(self, robot, size, bag)
        self._commands = {
            name: CommandSubscriptions(self, arm, partial(self._arms.__getitem__, name))
            for name, arm in self._robots.items()
        }
        self._diagnostics = DiagnosticsPublisher(self, self._status)
        self._timers_here: list[Timer] = []
        self._gaps: tuple[str, ...] = ()
        self._told_gaps: tuple[str, ...] | None = None
        self._gap_looks = self._rival_looks = 0

    def _refuse_company(self) -> None:
        """UserError when a real robot, or something like it, is there."""
        deadline_s = time.monotonic() + LOOK_S
        while time.monotonic() < deadline_s:
            time.sleep(LOOK_PERIOD_S)
        if rivals := self._graph.rivals():
            raise UserError(f"{_company(rivals)}: {_REMEDY}")

    def _place_arm(self, name: str, urdf: Urdf | None) -> None:
        robot, p = self._robots[name], self._settings
        kinematics = fake_kinematics(robot, urdf) if urdf else None
        start = resting_state(robot, urdf, kinematics)
        if p.pictures:
            begun = starting_state(user_path(p.pictures), self._robot)
            start = begun.arms[name] if isinstance(begun, ArmsState) else begun
        lag = replace(robot.lag or LAG, time_constant_s=p.lag) if p.lag else None
        self._arms[name] = FakeArm(
            robot, start, now_ns=self.now_ns(), kinematics=kinematics, lag=lag
        )
        if kinematics is None and start.joints is not None and start.pose is not None:
            self.get_logger().info(
                "the robot file has no urdf, or does not say which link is the tool "
                "(output.kinematics): pose and joints follow their own commands each"
            )

    def _on_description(self, message: String) -> None:
        try:
            self._place_arm("", parse_urdf(message.data))
        except UserError as error:
            self.get_logger().error(f"{DESCRIPTION_TOPIC}: {error}")

    def activate(self) -> None:
        p = self._settings
        self._begun_ns = self.now_ns()
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self._timers_here = [
            self.create_timer(1.0 / p.state_rate, self._advance),
            self.create_timer(1.0 / p.image_rate, self._show),
            self.create_timer(WATCH_PERIOD_S, self._watch, clock=steady),
        ]

    def deactivate(self) -> None:
        for timer in self._timers_here:
            self.destroy_timer(timer)
        self._timers_here = []

    def cleanup(self) -> None:
        if not self._states or not self._pictures:
            return
        for states, commands in zip(self._states.values(), self._commands.values(), strict=True):
            states.close()
            commands.close()
        self._pictures.close()
        self._diagnostics.close()
        if self._description:
            self.destroy_subscription(self._description)
        self._states, self._pictures = {}, None

    def _advance(self) -> None:
        now_ns = self.now_ns()
        for name, arm in self._arms.items():
            arm.advance(now_ns)
            self._states[name].publish(arm, now_ns)
            self._commands[name].advanced()

    def _show(self) -> None:
        assert self._pictures
        now_ns = self.now_ns()
        self._pictures.publish(now_ns, now_ns - self._begun_ns)

    def _watch(self) -> None:
        """Look once a second who is at the other ends."""
        rivals = self._graph.rivals()
        self._rival_looks = self._rival_looks + 1 if rivals else 0
        if self._rival_looks == RIVAL_LOOKS:
            self.get_logger().fatal(f"{_company(rivals)}; the fake robot ends: {_REMEDY}")
            self.trigger_deactivate()  # type: ignore[no-untyped-call]
            return
        gaps = tuple(self._graph.gaps())
        self._gap_looks = self._gap_looks + 1 if gaps == self._gaps else 0
        self._gaps = gaps
        if gaps != self._told_gaps and (not gaps or self._gap_looks == GAP_LOOKS):
            self._told_gaps = gaps
            self._tell(gaps)

    def _tell(self, gaps: tuple[str, ...]) -> None:
        if not gaps:
            self.get_logger().info("every topic of the robot file has somebody at its other end")
        for gap in gaps:
            self.get_logger().warning(gap)

    def _status(self) -> tuple[str, dict[str, str]]:
        counts = {
            f"commands on {topic}": str(number)
            for commands in self._commands.values()
            for topic, number in commands.counts.items()
        }
        return "; ".join(self._gaps), {"robot": self._robot.name, **counts}


def _check_output(robot: RobotConfig) -> None:
    """UserError for commands that one arm cannot tell its own from."""
    if robot.spanning_topic and not robot.output.interpolated:
        raise UserError(
            f"robot {robot.name}: the fake robot cannot take a {robot.output.profile} for several "
            "arms yet, give each arm its own output"
        )


_REMEDY = (
    "stop the real robot's nodes, or set another ROS_DOMAIN_ID for the fake, because commands for "
    "it must never reach an arm"
)


def _company(rivals: list[str]) -> str:
    return f"the fake robot is not alone, {', '.join(rivals)}"


def main() -> int:
    """Entry point of `ros2 run groot_ros fake_node`."""
    return run_node(FakeNode)


if __name__ == "__main__":
    sys.exit(main())
