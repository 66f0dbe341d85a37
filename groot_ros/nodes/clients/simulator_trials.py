"""A policy tried in scenes of a simulator of anybody's, which runs and tells of success."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from rosidl_runtime_py.utilities import get_message

from groot_ros.cameras.catalog import expected_type, message_to_rgb
from groot_ros.chunks.execution.strategies import AUTO
from groot_ros.demo.mp4 import Image, Moment
from groot_ros.demo.trial_film import film_frame, write_trial_film
from groot_ros.errors import UserError
from groot_ros.nodes.clients.operator_node import running_node
from groot_ros.nodes.clients.ros2_process import policy_launch, ros2_process
from groot_ros.nodes.clients.scene_node import SceneNode
from groot_ros.observation.fields import NS, to_ns
from groot_ros.policies.factory import PolicyChoice
from groot_ros.robot.camera_stream import CameraKeys, CameraStream
from groot_ros.robot.config import RobotConfig, load_robot
from groot_ros.sim.trials import Films, Outcome
from groot_ros.timing.latency import SimulatedTime

DEPTH = 100
FIND_S = 20.0
LATE = "the simulator did not tell of success"


@dataclass(frozen=True, kw_only=True)
class SimulatorTrials:
    """`count` scenes from `seed` on of the simulator that the robot file `robot` describes.

    `film_topic` is what is filmed, empty for the cameras of the robot file.
    """

    robot: str
    instruction: str
    count: int
    seed: int
    time_limit_s: float
    film_topic: str = ""

    def __post_init__(self) -> None:
        if self.count < 1:
            raise UserError(f"episodes is {self.count}, expected 1 or more")
        if not self.instruction.strip():
            raise UserError("no --instruction says what to do: the policy was trained with one")
        if self.time_limit_s <= 0:
            raise UserError(f"time-limit is {self.time_limit_s:g} s, expected more than 0")


class FilmingNode(SceneNode):
    """Sets up scenes, and keeps the newest pictures of an episode by camera."""

    def __init__(self, cameras: dict[str, CameraStream], real_time: bool) -> None:
        super().__init__("witness", real_time)
        self._film: list[Moment] = []
        self._newest: dict[str, Image] = {}
        self._is_filming = False
        self._first = next(iter(cameras), "")
        for name, camera in cameras.items():
            kind = get_message(expected_type(camera))
            store = partial(self._on_picture, name, camera)
            self.create_subscription(kind, camera.topic, store, DEPTH)

    def begin_film(self) -> None:
        """Keep what comes from now on."""
        self._film, self._newest, self._is_filming = [], {}, True

    def end_film(self) -> list[Moment]:
        """What was filmed since the beginning."""
        self._is_filming = False
        return self._film

    @property
    def newest(self) -> Image | None:
        """The newest picture of the first camera."""
        return self._newest.get(self._first)

    def _on_picture(self, name: str, camera: CameraStream, message: Any) -> None:
        if not self._is_filming:
            return
        self._newest[name] = message_to_rgb(message, camera)
        if name == self._first:
            self._film.append((to_ns(message.header.stamp), film_frame(self._newest)))


def run_simulator_trials(
    policy: PolicyChoice,
    trials: SimulatorTrials,
    films: Films,
    replan_steps: int = 0,
    timing: SimulatedTime | None = None,
    strategy: str = AUTO,
) -> Iterator[Outcome]:
    """Run all trials, in order; films and the log of the nodes go to the folder of `films`.

    The simulator runs already, in the domain of this process: it is the clock, unless `timing`
    says that time is real. What it obeys is commanded, whatever its robot file leaves unwatched.
    """
    assert films.folder
    log, timing = films.folder / "nodes.log", timing or SimulatedTime()
    robot = load_robot(trials.robot)
    launch = policy_launch(
        policy,
        **timing.launch_arguments,
        sim="false",
        robot=trials.robot,
        lockstep=str(not timing.real_time).lower(),
        dry_run="false",
        replan_steps=str(replan_steps),
        strategy=strategy,
        instruction=trials.instruction,
    )
    make = partial(FilmingNode, _filmed(robot, trials.film_topic), timing.real_time)
    with running_node(make) as node:
        _find_simulator(node)
        with ros2_process(launch, log) as alive:
            try:
                node.wait_for_nodes(alive)
                for scene in range(trials.seed, trials.seed + trials.count):
                    if not alive():
                        raise UserError(f"the nodes have ended, see {log}")
                    yield _run_trial(node, trials, scene=scene, films=films, alive=alive)
            finally:
                node.clock.leave()


def _filmed(robot: RobotConfig, topic: str) -> dict[str, CameraStream]:
    if topic:
        return {"film": CameraKeys(topic=topic).stream("film")}
    return dict(robot.observations.cameras)


def _find_simulator(node: SceneNode) -> None:
    """UserError where nobody offers scenes."""
    if not node.spin_until(lambda: bool(node.count_publishers("sim/success")), FIND_S):
        raise UserError(
            "no simulator publishes sim/success: start yours first, in the same ROS_DOMAIN_ID; it "
            "offers sim/reset, sim/seed, sim/success and the parameter seed, as SimulatorNode does"
        )


def _run_trial(
    node: FilmingNode,
    trials: SimulatorTrials,
    *,
    scene: int,
    films: Films,
    alive: Callable[[], bool],
) -> Outcome:
    node.show_scene(scene)
    node.tell("policy/set_instruction", trials.instruction)
    node.begin_film()
    node.start_policy()
    until_ns = node.began_ns + round(trials.time_limit_s * NS)
    succeeded = node.watch_for(lambda: node.succeeded_ns is not None, until_ns, alive)
    duration_s = ((node.succeeded_ns or until_ns) - node.began_ns) / NS
    film = node.end_film()
    node.stop_policy()
    if film and (path := films.path(scene, succeeded)):
        write_trial_film(film, path)
    return Outcome(
        scene=scene,
        instruction=trials.instruction,
        succeeded=succeeded,
        duration_s=duration_s,
        failure="" if succeeded else LATE,
        picture=node.newest,
    )
