"""`groot-ros evaluate --simulator`: trials in a simulator of anybody's, which judges them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from groot_ros.cli.evaluation_report import EvaluationReport
from groot_ros.cli.progress import with_progress
from groot_ros.errors import UserError
from groot_ros.options import option
from groot_ros.policies.tried import checkpoint_choice, chosen_strategy, executed_steps
from groot_ros.sim.trials import Films, Outcome, counted, of_scene
from groot_ros.timing.latency import SimulatedTime


@dataclass(frozen=True, kw_only=True)
class SimulatorOptions:
    """Which simulator judges, and what is filmed of it."""

    simulator: str = option("its robot file", default="", metavar="ROBOT")
    film_topic: str = option(
        "camera that is filmed (default: those of the robot file)", default="", metavar="TOPIC"
    )


@dataclass(frozen=True, kw_only=True)
class SimulatorEvaluation:
    """What is tried in a simulator, and how."""

    options: SimulatorOptions
    checkpoint: Path | None
    instruction: str
    count: int
    seed: int
    time_limit_s: float
    executed_steps: int | None
    strategy: str
    timing: SimulatedTime
    films: Films
    compare: Path | None


def run_simulator_evaluation(
    evaluation: SimulatorEvaluation, output: Path, *, as_json: bool
) -> int:
    """Try the checkpoint in scene after scene, tell how often it succeeded."""
    result, outcomes = _tried(evaluation)
    report = EvaluationReport(
        name=f"{result['variant']}, {result['strategy']}",
        result=result,
        outcomes=outcomes,
        films=evaluation.films,
    )
    report.write(output, evaluation.compare)
    report.tell(output, as_json=as_json)
    return 0


def _tried(evaluation: SimulatorEvaluation) -> tuple[dict[str, Any], Sequence[Outcome]]:
    """Numbers and outcomes of all trials."""
    from groot_ros.nodes.clients.simulator_trials import SimulatorTrials, run_simulator_trials

    if evaluation.checkpoint is None:
        raise UserError("name the --checkpoint that was trained with this simulator's robot")
    trials = SimulatorTrials(
        robot=evaluation.options.simulator,
        instruction=evaluation.instruction,
        count=evaluation.count,
        seed=evaluation.seed,
        time_limit_s=evaluation.time_limit_s,
        film_topic=evaluation.options.film_topic,
    )
    policy = checkpoint_choice(evaluation.checkpoint, trials.robot)
    strategy = chosen_strategy(evaluation.strategy, policy)
    steps = executed_steps(policy, strategy, evaluation.executed_steps)
    evaluation.films.clear()
    tried = run_simulator_trials(
        policy,
        trials,
        films=evaluation.films,
        replan_steps=steps,
        timing=evaluation.timing,
        strategy=strategy,
    )
    outcomes = list(with_progress(tried, "trying", trials.count, "scenes"))
    result = {
        "variant": policy.variant,
        "via": "simulator",
        "strategy": strategy,
        "executed_steps": steps,
        **counted(outcomes),
        "scenes": [of_scene(outcome) for outcome in outcomes],
    }
    return result, outcomes
