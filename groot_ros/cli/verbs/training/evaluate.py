"""`groot-ros evaluate`: measure what a checkpoint can do."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from groot_ros.chunks.execution.strategies import AUTO, CHOICES
from groot_ros.cli.command import ANEW, Command
from groot_ros.cli.common_options import (
    json_option,
    workers_option,
)
from groot_ros.cli.evaluation_report import EvaluationReport
from groot_ros.cli.progress import with_progress
from groot_ros.cli.robot_trials import RobotTrials, run_robot_trials
from groot_ros.cli.simulator_trials import (
    SimulatorEvaluation,
    SimulatorOptions,
    run_simulator_evaluation,
)
from groot_ros.errors import UserError
from groot_ros.files.shell import quoted
from groot_ros.options import group, like, option
from groot_ros.policies.checkpoint.folder import shipped_checkpoint
from groot_ros.policies.factory import AUTO as VARIANT_AUTO
from groot_ros.policies.factory import POLICIES, PolicyChoice
from groot_ros.policies.tried import (
    checkpoint_choice,
    chosen_strategy,
    executed_steps,
    remote_choice,
)
from groot_ros.sim.tasks import Kind
from groot_ros.sim.trials import (
    ALL,
    EXECUTED_STEPS,
    FAILURES,
    FIRST_SCENE,
    Films,
    Outcome,
    Trials,
    summarize,
)
from groot_ros.timing.latency import SimulatedTime

if TYPE_CHECKING:
    from groot_ros.training.open_loop import OpenLoopComparison


@dataclass(frozen=True, kw_only=True)
class ClosedLoop:
    """How trials on the simulated arm are made."""

    films: str = option("of which trials (%(default)s)", default=FAILURES, choices=(FAILURES, ALL))
    task: Kind = option(default="pick")
    via: str = option(
        "ros: the same through the nodes that run on a robot",
        default="inprocess",
        choices=("inprocess", "ros"),
    )
    policy: str = option("local: the checkpoint", default="local", choices=POLICIES)
    url: str = option(
        "--policy remote: gr00t://host:5555, ws://host:8000 or openpi://host:8000", default=""
    )
    codec: str = option("--policy remote: what its model answers in", default=VARIANT_AUTO)
    token_env: str = option("--policy remote: variable with its token", default="", metavar="NAME")
    seed: int = option("scene of the first episode", default=FIRST_SCENE)
    cubes: tuple[str, ...] = like(Trials, "cubes")
    swap_after: float | None = option(
        "then ask for another cube, which counts", default=None, metavar="S"
    )
    executed_steps: int | None = option(
        "of a chunk until the next inference; 0: it begins when the last one has ended "
        f"(default: what the codec says, or 0 with rtc and {EXECUTED_STEPS} without)",
        default=None,
    )
    strategy: str = option(
        "what becomes of a new chunk; auto: rtc where the policy can (%(default)s)",
        default=AUTO,
        choices=CHOICES,
    )
    time: SimulatedTime = group()
    workers: int = workers_option("processes (inprocess)")
    compare: Path | None = option(
        "another evaluation in the same scenes, to compare with (McNemar)",
        default=None,
        metavar="FOLDER",
    )


@dataclass(frozen=True, kw_only=True)
class OpenLoop:
    """What a checkpoint is compared with."""

    open_loop: bool = option("compare predicted with recorded actions", default=False)
    dataset: tuple[Path, ...] = option("one or several, each on its own", default=())
    embodiment: str = option("of a checkpoint that several robots have taught", default="")


@dataclass(frozen=True, kw_only=True)
class Options:
    """Of `groot-ros evaluate`."""

    checkpoint: tuple[Path, ...] = option(
        "folder of groot-ros train (default: the shipped one); several with --robot", default=()
    )
    episodes: int = option(default=50)
    output: Path = option("folder to write (%(default)s)", default=Path("evaluation"))
    json: bool = json_option()
    closed: ClosedLoop = group(title="in closed loop on the simulated arm")
    trials: RobotTrials = group(title="on a robot, whose policy and executor nodes run")
    simulator: SimulatorOptions = group(
        title="in a simulator of yours, a SimulatorNode that runs; with --checkpoint, --episodes, "
        "--seed, --instruction, --time-limit, --executed-steps, --strategy and --films"
    )
    against: OpenLoop = group(title="against a dataset")


def run(options: Options) -> int:
    if options.trials.robot:
        return run_robot_trials(
            options.trials, options.checkpoint, options.output, as_json=options.json
        )
    if len(options.checkpoint) > 1:
        raise UserError(
            "several checkpoints take turns on a robot: name it with --robot, or evaluate one at "
            "a time and compare with --compare"
        )
    if options.simulator.simulator:
        return _in_simulator(options)
    return _open_loop(options) if options.against.open_loop else _closed_loop(options)


def _in_simulator(options: Options) -> int:
    closed = options.closed
    evaluation = SimulatorEvaluation(
        options=options.simulator,
        checkpoint=next(iter(options.checkpoint), None),
        instruction=options.trials.instruction,
        count=options.episodes,
        seed=closed.seed,
        time_limit_s=options.trials.time_limit,
        executed_steps=closed.executed_steps,
        strategy=closed.strategy,
        timing=closed.time,
        films=Films(options.output, closed.films),
        compare=closed.compare,
    )
    return run_simulator_evaluation(evaluation, options.output, as_json=options.json)


def _closed_loop(options: Options) -> int:
    closed = options.closed
    trials = Trials(
        closed.task, options.episodes, closed.seed, closed.cubes, swap_after_s=closed.swap_after
    )
    policy = _policy(closed, next(iter(options.checkpoint), None))
    films = Films(options.output, closed.films)
    strategy = chosen_strategy(closed.strategy, policy)
    tried = _trials(closed, policy, trials=trials, strategy=strategy, films=films)
    films.clear()
    outcomes = list(with_progress(tried, "trying", trials.count, "scenes"))
    result = {
        "variant": policy.variant,
        "via": closed.via,
        "strategy": strategy,
        **summarize(trials, outcomes),
    }
    report = EvaluationReport(
        name=f"{policy.variant}, {closed.task}, {strategy}",
        result=result,
        outcomes=outcomes,
        films=films,
    )
    report.write(options.output, closed.compare)
    report.tell(options.output, as_json=options.json)
    return 0


def _policy(options: ClosedLoop, checkpoint: Path | None) -> PolicyChoice:
    if options.policy == "remote":
        return remote_choice(options.url, options.codec, options.token_env)
    if options.url:
        raise UserError(f"--url is of --policy remote, and the policy is {options.policy}")
    if options.policy != "local":
        return PolicyChoice(options.policy, options.policy)
    return checkpoint_choice(checkpoint)


def _trials(
    options: ClosedLoop, policy: PolicyChoice, trials: Trials, strategy: str, films: Films
) -> Iterator[Outcome]:
    steps = executed_steps(policy, strategy, options.executed_steps)
    timing = options.time
    if options.via == "ros":
        from groot_ros.nodes.clients.live_trials import run_trials

        return run_trials(
            policy, trials, films=films, replan_steps=steps, timing=timing, strategy=strategy
        )
    from groot_ros.training.closed_loop import Evaluation, evaluate

    return evaluate(
        Evaluation(
            policy=policy,
            trials=trials,
            executed_steps=steps,
            workers=options.workers,
            films=films,
            latency=timing.latency,
            strategy=strategy,
        )
    )


def _open_loop(options: Options) -> int:
    from groot_ros.training.data.source import numbered
    from groot_ros.training.open_loop import compare_each

    datasets = options.against.dataset
    if not datasets:
        raise UserError("--open-loop compares with a dataset: name it with --dataset")
    checkpoint = next(iter(options.checkpoint), None) or shipped_checkpoint()
    found = compare_each(
        checkpoint,
        datasets,
        options.episodes,
        embodiment=options.against.embodiment,
        watch=lambda rows: with_progress(rows, "comparing", len(rows), "chunks"),
    )
    results: dict[str, dict[str, Any]] = {}
    for dataset, comparison in zip(datasets, found, strict=True):
        name = numbered(dataset.resolve().name, results)
        # Several datasets have a folder each.
        output = options.output / name if len(datasets) > 1 else options.output
        results[name] = _write_comparison(comparison, checkpoint, dataset, output)
        if not options.json:
            _say_comparison(results[name], dataset, output)
    if options.json:
        (first, *others) = results.values()
        print(json.dumps({"datasets": results} if others else first, indent=2))
    return 0


def _write_comparison(
    comparison: OpenLoopComparison, checkpoint: Path, dataset: Path, output: Path
) -> dict[str, Any]:
    from groot_ros.training.open_loop import write_plot

    output.mkdir(parents=True, exist_ok=True)
    write_plot(comparison, output / "open_loop.png")
    result = comparison.to_dict()
    about = {"checkpoint": str(checkpoint), "dataset": str(dataset), "shown": comparison.shown}
    (output / "open_loop.json").write_text(json.dumps({**about, **result}, indent=2) + "\n")
    return result


def _say_comparison(result: dict[str, Any], dataset: Path, output: Path) -> None:
    print(f"wrote {output / 'open_loop.png'} from {result['chunks']} chunks of {dataset}")
    for name, channel in result["channels"].items():
        print(f"  {name:<12} MAE {channel['mae']:.4f}  MSE {channel['mse']:.6f}")
    if result["position_error_m"] is not None:
        print(
            f"  position at the last step: {100 * result['position_error_m']:.1f} cm off, "
            f"{100 * result['mean_position_error_m']:.1f} cm when predicting the mean"
        )
    print(f"look at them: groot-ros view {quoted(output)}", flush=True)


COMMAND = Command(options=Options, run=run, resumed=ANEW)
