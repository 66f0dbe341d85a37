"""Demonstrations of the scripted expert through the nodes, recorded like those of a robot."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from groot_ros.errors import UserError
from groot_ros.nodes.clients.operator_node import ACTIVE, running_node
from groot_ros.nodes.clients.ros2_process import enter_private_domain, policy_launch, ros2_process
from groot_ros.nodes.clients.scene_node import SceneNode
from groot_ros.observation.fields import NS
from groot_ros.policies.factory import PolicyChoice
from groot_ros.sim.bag import BagOptions
from groot_ros.sim.collection import Collection
from groot_ros.sim.perturbed import Disturbance
from groot_ros.timing.latency import SimulatedTime

LOGS = "logs"
# The recorder numbers its bags.
BAG = "episode_{:06d}"


def collect_live(collection: Collection, timing: SimulatedTime | None = None) -> Iterator[bool]:
    """Record all episodes, in order; whether each succeeded.

    Pushes act between the commands, which are recorded, and the arm. The logs of the nodes go to
    the folder `logs` of the output. UserError when it is not empty or a node does not work.
    """
    if collection.resume:
        raise UserError("--resume is of --via inprocess: leave it out and name another folder")
    collection.make_folder()
    options = BagOptions()
    timing = timing or SimulatedTime()
    with _nodes(collection, timing) as (node, alive):
        node.wait_for_nodes(alive)
        node.wait_for_state("recorder", ACTIVE, alive)
        for index in range(collection.episodes):
            if not alive():
                raise UserError(f"the nodes have ended, see {collection.output / LOGS}")
            yield _record(node, collection, index=index, options=options, alive=alive)
    missing = [
        name
        for name in map(BAG.format, range(collection.episodes))
        if not (collection.output / name / "metadata.yaml").exists()
    ]
    if missing:
        raise UserError(f"{', '.join(missing)} not recorded, see {collection.output / LOGS}")


def _record(
    node: SceneNode,
    collection: Collection,
    index: int,
    options: BagOptions,
    alive: Callable[[], bool],
) -> bool:
    task = collection.task(index)
    node.set_scene(collection.scene(index), task, collection.start(index))
    node.tell("recorder/set_instruction", task.instruction)
    node.trigger("recorder/start")
    node.start_policy()
    until_ns = node.began_ns + round(options.time_limit_s * NS)
    succeeded = node.watch_for(lambda: node.succeeded, until_ns, alive)
    node.clock.stop_at(node.clock.now_ns + round(options.tail_s * NS))
    node.trigger("recorder/success" if succeeded else "recorder/failure")
    node.stop_policy()
    return succeeded


@contextmanager
def _nodes(
    collection: Collection, timing: SimulatedTime
) -> Iterator[tuple[SceneNode, Callable[[], bool]]]:
    """The simulated arm, expert, executor and recorder, and whether they still run."""
    enter_private_domain()
    logs = collection.output / LOGS
    logs.mkdir()
    robot = policy_launch(
        PolicyChoice("scripted", "scripted"),
        cubes=",".join(collection.cubes),
        disturbance=str(Disturbance().probability),
        **timing.launch_arguments,
    )
    output = f"output:={collection.output.resolve()}"
    recorder = ["launch", "groot_ros", "record.launch.py", output, "exclude:=*"]
    recorder.append(f"real_time:={str(timing.real_time).lower()}")
    with (
        ros2_process(robot, logs / "robot.log") as robot_alive,
        ros2_process([*recorder, "compression:=zstd"], logs / "recorder.log") as recorder_alive,
        running_node(lambda: SceneNode("collector", timing.real_time)) as node,
    ):
        yield node, lambda: robot_alive() and recorder_alive()
