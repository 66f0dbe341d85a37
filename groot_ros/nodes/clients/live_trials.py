"""A policy tried in many scenes, through the nodes that run it on a robot."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

from groot_ros.chunks.execution.strategies import AUTO
from groot_ros.demo.film import write_film
from groot_ros.demo.trace import Trace
from groot_ros.demo.trial_record import write_trial
from groot_ros.errors import UserError
from groot_ros.nodes.clients.operator_node import running_node
from groot_ros.nodes.clients.ros2_process import enter_private_domain, policy_launch, ros2_process
from groot_ros.nodes.clients.witness_node import WitnessNode
from groot_ros.observation.fields import NS
from groot_ros.policies.factory import MODELS, PolicyChoice, chosen_codec
from groot_ros.robot.config import load_robot
from groot_ros.sim.starts import draw_cubes
from groot_ros.sim.tasks import Task
from groot_ros.sim.trials import Films, Outcome, Trials, explain_failure
from groot_ros.timing.latency import SimulatedTime


def run_trials(
    policy: PolicyChoice,
    trials: Trials,
    films: Films,
    replan_steps: int = 0,
    timing: SimulatedTime | None = None,
    strategy: str = AUTO,
) -> Iterator[Outcome]:
    """Run all trials, in order; films and the log of the nodes go to the folder of `films`.

    The next inference begins when `replan_steps` of a chunk are executed, 0: at once.
    """
    variant = chosen_codec(policy) if policy.policy in MODELS else None
    robot = load_robot("sim")
    if variant and robot.output.signal.name not in variant.codec(robot).action.signals:
        raise UserError(
            f"variant {variant.name} makes no poses, which the executor sends to the simulated "
            "arm: use --via inprocess"
        )
    enter_private_domain()
    assert films.folder
    log = films.folder / "nodes.log"
    cubes = ",".join(trials.cubes)
    timing = timing or SimulatedTime()
    launch = policy_launch(
        policy,
        cubes=cubes,
        replan_steps=str(replan_steps),
        strategy=strategy,
        **timing.launch_arguments,
    )
    with (
        ros2_process(launch, log) as alive,
        running_node(lambda: WitnessNode(robot, timing.real_time)) as witness,
    ):
        witness.wait_for_nodes(alive)
        for index in range(trials.count):
            if not alive():
                raise UserError(f"the nodes have ended, see {log}")
            trace = Trace(policy.policy)
            yield _run_trial(witness, trace, trials=trials, index=index, films=films, alive=alive)


def _run_trial(
    witness: WitnessNode,
    trace: Trace,
    trials: Trials,
    index: int,
    films: Films,
    alive: Callable[[], bool],
) -> Outcome:
    scene, task = trials.scene(index), trials.final_task(index)
    witness.set_scene(scene, trials.task(index))
    witness.watch(trace)
    witness.start_policy()
    began_ns = witness.began_ns
    if change := trials.change(index):
        witness.clock.stop_at(began_ns + round(change.time_s * NS))
        witness.change_task(change.task)
        witness.clock.go_on()
    until_ns = began_ns + round(trials.time_limit_s * NS)
    succeeded = witness.watch_for(lambda: trace.succeeded, until_ns, alive)
    duration_s = ((trace.succeeded_ns or until_ns) - began_ns) / NS
    witness.look_away()
    witness.stop_policy()
    trace.instruction = task.instruction
    if film := films.path(scene, succeeded):
        # The page draws the chunks of the record over it.
        write_film(replace(trace, chunks=[]), film)
    if record := films.record(scene):
        write_trial(trace, record)
    pictures = trace.pictures.get("exterior")
    return Outcome(
        scene=scene,
        instruction=task.instruction,
        succeeded=succeeded,
        duration_s=duration_s,
        failure="" if succeeded else _explain(trace, task, trials, scene),
        picture=pictures[-1].image if pictures else None,
        flips=trace.flips,
        jerk_m_s3=trace.jerk_m_s3,
    )


def _explain(trace: Trace, task: Task, trials: Trials, scene: int) -> str:
    if not (trace.chunks and trace.measured and trace.measured_grips):
        return "the policy made no chunk"
    cubes = draw_cubes(np.random.default_rng(scene), len(trials.cubes))
    grips = np.interp(
        [sample.stamp_ns for sample in trace.measured],
        [sample.stamp_ns for sample in trace.measured_grips],
        [sample.values[0] for sample in trace.measured_grips],
    )
    positions = np.array([sample.values[:3] for sample in trace.measured])
    places = dict(zip(trials.cubes, cubes, strict=True))
    return explain_failure(task, places, positions, grips)
