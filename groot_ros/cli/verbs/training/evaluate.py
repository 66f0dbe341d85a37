"""`groot-ros evaluate`: measure what a checkpoint can do."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Iterator
from pathlib import Path

from groot_ros.chunks.execution.strategies import AUTO, CHOICES
from groot_ros.cli.progress import with_progress
from groot_ros.cli.time_options import add_time_options, chosen_time
from groot_ros.errors import UserError
from groot_ros.files.shell import quoted
from groot_ros.policies.checkpoint.folder import shipped_checkpoint
from groot_ros.policies.factory import AUTO as VARIANT_AUTO
from groot_ros.policies.factory import POLICIES, PolicyChoice
from groot_ros.policies.tried import (
    checkpoint_choice,
    chosen_strategy,
    executed_steps,
    remote_choice,
)
from groot_ros.sim.trials import (
    ALL,
    EXECUTED_STEPS,
    FAILURES,
    FIRST_SCENE,
    Films,
    Outcome,
    Trials,
    compared,
    summarize,
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--checkpoint",
        type=Path,
        nargs="+",
        help="folder of groot-ros train (default: the shipped one); several with --robot",
    )
    parser.add_argument("--episodes", type=int, default=50)
    parser.add_argument(
        "--output", type=Path, default=Path("evaluation"), help="folder to write (%(default)s)"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    loop = parser.add_argument_group("in closed loop on the simulated arm")
    loop.add_argument(
        "--films", choices=[FAILURES, ALL], default=FAILURES, help="of which trials (%(default)s)"
    )
    loop.add_argument("--task", choices=["reach", "pick"], default="pick")
    loop.add_argument(
        "--via",
        choices=["inprocess", "ros"],
        default="inprocess",
        help="ros: the same through the nodes that run on a robot",
    )
    loop.add_argument("--policy", choices=POLICIES, default="local", help="local: the checkpoint")
    loop.add_argument(
        "--url",
        default="",
        help="--policy remote: gr00t://host:5555, ws://host:8000 or openpi://host:8000",
    )
    loop.add_argument(
        "--codec", default=VARIANT_AUTO, help="--policy remote: what its model answers in"
    )
    loop.add_argument(
        "--token-env", default="", metavar="NAME", help="--policy remote: variable with its token"
    )
    loop.add_argument("--seed", type=int, default=FIRST_SCENE, help="scene of the first episode")
    loop.add_argument(
        "--cubes", nargs="+", default=["red"], metavar="COLOR", help="colors on the table"
    )
    loop.add_argument(
        "--swap-after", type=float, metavar="S", help="then ask for another cube, which counts"
    )
    loop.add_argument(
        "--executed-steps",
        type=int,
        help="of a chunk until the next inference; 0: it begins when the last one has ended "
        f"(default: what the codec says, or 0 with rtc and {EXECUTED_STEPS} without)",
    )
    loop.add_argument(
        "--strategy",
        choices=CHOICES,
        default=AUTO,
        help="what becomes of a new chunk; auto: rtc where the policy can (%(default)s)",
    )
    add_time_options(loop, real_time_factor=0.0)
    loop.add_argument(
        "--workers", type=int, default=os.cpu_count() or 1, help="processes (inprocess)"
    )
    loop.add_argument(
        "--compare",
        type=Path,
        metavar="FOLDER",
        help="another evaluation in the same scenes, to compare with (McNemar)",
    )
    trials = parser.add_argument_group("on a robot, whose policy and executor nodes run")
    trials.add_argument("--robot", help="robot file: name of a shipped one, or a path")
    trials.add_argument(
        "--trials", type=int, default=20, help="scenes for each checkpoint (%(default)s)"
    )
    trials.add_argument("--instruction", default="", help="what to do (default: the policy's)")
    trials.add_argument(
        "--scenes", type=Path, metavar="FILE", help="what to lay out, a line for every scene"
    )
    trials.add_argument(
        "--time-limit", type=float, default=60.0, metavar="S", help="of a trial (%(default)s)"
    )
    dataset = parser.add_argument_group("against a dataset")
    dataset.add_argument(
        "--open-loop", action="store_true", help="compare predicted with recorded actions"
    )
    dataset.add_argument("--dataset", type=Path)
    dataset.add_argument(
        "--embodiment", default="", help="of a checkpoint that several robots have taught"
    )


def run(args: argparse.Namespace) -> int:
    if args.robot:
        from groot_ros.cli.robot_trials import run_robot_trials

        return run_robot_trials(args)
    if args.checkpoint and len(args.checkpoint) > 1:
        raise UserError(
            "several checkpoints take turns on a robot: name it with --robot, or evaluate one at "
            "a time and compare with --compare"
        )
    args.checkpoint = args.checkpoint[0] if args.checkpoint else None
    return _open_loop(args) if args.open_loop else _closed_loop(args)


def _closed_loop(args: argparse.Namespace) -> int:
    from groot_ros.demo.contact_sheet import write_contact_sheet

    trials = Trials(
        args.task, args.episodes, args.seed, tuple(args.cubes), swap_after_s=args.swap_after
    )
    policy = _policy(args)
    films = Films(args.output, args.films)
    films.clear()
    strategy = chosen_strategy(args.strategy, policy)
    tried = _trials(args, policy, trials, strategy, films)
    outcomes = list(with_progress(tried, "trying", trials.count))
    result = {
        "variant": policy.variant,
        "via": args.via,
        "strategy": strategy,
        **summarize(trials, outcomes),
    }
    if args.compare:
        result["comparison"] = compared(args.compare, result)
    title = (
        f"{policy.variant}, {args.task}, {strategy}: {result['successes']} of {result['episodes']}"
    )
    write_contact_sheet(title, outcomes, args.output / "contact_sheet.png")
    (args.output / "evaluation.json").write_text(json.dumps(result, indent=2) + "\n")
    if args.json:
        print(json.dumps(result, indent=2))
        return 0
    filmed = "failures" if films.of == FAILURES else "trials"
    print(f"wrote {args.output}: contact_sheet.png, evaluation.json, films of the {filmed}")
    for failure, failed in result["failures"].items():
        print(f"  {failed} {failure}")
    low, high = result["interval"]
    print(f"{title} ({100 * low:.0f} to {100 * high:.0f} % with 95 % confidence)")
    if (more := result["episodes_needed"] - result["episodes"]) > 0:
        print(f"  {more} more episodes would know the rate to 10 points")
    if args.compare:
        print(f"  {result['comparison']['words']}")
    if result["mean_time_s"] is not None:
        print(f"  mean time to success {result['mean_time_s']:.1f} s")
    print(f"  the gripper was told to open or to close {result['flips']:.1f} times an episode")
    print(f"look at it: groot-ros view {quoted(args.output)}")
    return 0


def _policy(args: argparse.Namespace) -> PolicyChoice:
    if args.policy == "remote":
        return remote_choice(args.url, args.codec, args.token_env)
    if args.url:
        raise UserError(f"--url is of --policy remote, and the policy is {args.policy}")
    if args.policy != "local":
        return PolicyChoice(args.policy, args.policy)
    return checkpoint_choice(args.checkpoint)


def _trials(
    args: argparse.Namespace, policy: PolicyChoice, trials: Trials, strategy: str, films: Films
) -> Iterator[Outcome]:
    steps = args.executed_steps
    if steps is None:
        steps = executed_steps(policy, strategy)
    elif steps < 0:
        raise UserError(f"executed-steps is {steps}, expected 0 or more")
    timing = chosen_time(args)
    if args.via == "ros":
        from groot_ros.nodes.clients.live_trials import run_trials

        return run_trials(policy, trials, films, steps, timing, strategy)
    from groot_ros.training.closed_loop import Evaluation, evaluate

    return evaluate(
        Evaluation(policy, trials, steps, args.workers, films, timing.latency, strategy)
    )


def _open_loop(args: argparse.Namespace) -> int:
    from groot_ros.training.open_loop import compare, write_plot

    if args.dataset is None:
        raise UserError("--open-loop compares with a dataset: name it with --dataset")
    checkpoint = args.checkpoint or shipped_checkpoint()
    comparison = compare(checkpoint, args.dataset, args.episodes, embodiment=args.embodiment)
    args.output.mkdir(parents=True, exist_ok=True)
    write_plot(comparison, args.output / "open_loop.png")
    result = comparison.to_dict()
    about = {
        "checkpoint": str(checkpoint),
        "dataset": str(args.dataset),
        "shown": comparison.shown,
    }
    (args.output / "open_loop.json").write_text(json.dumps({**about, **result}, indent=2) + "\n")
    if args.json:
        print(json.dumps(result, indent=2))
        return 0
    print(f"wrote {args.output / 'open_loop.png'} from {result['chunks']} chunks")
    for name, channel in result["channels"].items():
        print(f"  {name:<12} MAE {channel['mae']:.4f}  MSE {channel['mse']:.6f}")
    if result["position_error_m"] is not None:
        print(
            f"  position at the last step: {100 * result['position_error_m']:.1f} cm off, "
            f"{100 * result['mean_position_error_m']:.1f} cm when predicting the mean"
        )
    print(f"look at them: groot-ros view {quoted(args.output)}")
    return 0
