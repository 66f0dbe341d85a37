"""`groot-ros learn`: collect, convert, validate, train, evaluate."""

from __future__ import annotations

import argparse
import json
import shlex
import time
from collections.abc import Iterator
from pathlib import Path

from groot_ros.codecs.catalog import find_codec, shipped_codecs
from groot_ros.errors import UserError
from groot_ros.files.shell import quoted

# The scenes of the evaluation are others again.
DEMONSTRATION_SCENE, HELD_OUT_SCENE = 1000, 40_000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--output", type=Path, default=Path("learn"), help="folder to write")
    parser.add_argument("--task", choices=["reach", "pick"], default="pick")
    parser.add_argument(
        "--cubes", nargs="+", default=["red"], metavar="COLOR", help="colors on the table"
    )
    parser.add_argument("--variant", default="ee_rot6d_joints_rel")
    parser.add_argument("--demonstrations", type=int, default=300)
    parser.add_argument("--steps", type=int, default=3000, help="of training")
    parser.add_argument("--seed", type=int, default=42, help="of the training")
    parser.add_argument("--episodes", type=int, default=50, help="of the evaluation")
    parser.add_argument(
        "--held-out", type=int, default=10, help="more demonstrations, to compare with only"
    )


def run(args: argparse.Namespace) -> int:
    """Call the verbs that a user would; ends with the first that fails."""
    from groot_ros.cli.main import main
    from groot_ros.sim.scene import check_cubes

    check_cubes(args.cubes)
    if args.output.exists():
        raise UserError(f"{args.output} is there already: remove it or name another --output")
    args.output.mkdir(parents=True)
    durations_s: dict[str, float] = {}
    for verb, arguments in _steps(args):
        print(f"\n==> groot-ros {verb} {shlex.join(arguments)}", flush=True)
        begin_s = time.monotonic()
        if code := main([verb, *arguments]):
            return code
        name = "open loop" if "--open-loop" in arguments else verb
        durations_s[name] = durations_s.get(name, 0.0) + time.monotonic() - begin_s
    print("\n".join(_summary(args, durations_s)))
    return 0


def _checkpoint(args: argparse.Namespace) -> Path:
    return Path(args.output / "runs" / args.task / f"checkpoint-{args.steps}")


def _steps(args: argparse.Namespace) -> Iterator[tuple[str, list[str]]]:
    variant = find_codec(args.variant)
    # A file of the user's is found by its path alone.
    named = variant.codec_name if variant in shipped_codecs() else args.variant
    dataset, evaluation = args.output / "dataset", args.output / "evaluation"
    checkpoint = f"--checkpoint={_checkpoint(args)}"
    for name, episodes, scene in (
        ("", args.demonstrations, DEMONSTRATION_SCENE),
        ("held_out_", args.held_out, HELD_OUT_SCENE),
    ):
        bags, codec = args.output / f"{name}bags", f"--codec={named}"
        yield (
            "collect",
            [
                f"--task={args.task}",
                f"--episodes={episodes}",
                f"--seed={scene}",
                f"--output={bags}",
                "--cubes",
                *args.cubes,
            ],
        )
        folder = f"--output={args.output / f'{name}dataset'}"
        yield "convert", [f"--bags={bags}", "--robot=sim", codec, folder, "--only-success"]
    yield "validate", [str(dataset)]
    yield (
        "train",
        [
            f"--input_path={dataset}",
            f"--output_path={args.output / 'runs'}",
            f"--exp_name={args.task}",
            f"--modality_config={variant.modality_config}",
            "--base_model=tiny",
            f"--num_train_steps={args.steps}",
            f"--seed={args.seed}",
        ],
    )
    yield "inspect", [str(_checkpoint(args))]
    yield (
        "evaluate",
        [
            checkpoint,
            "--open-loop",
            f"--dataset={args.output / 'held_out_dataset'}",
            f"--output={evaluation}",
        ],
    )
    yield (
        "evaluate",
        [
            checkpoint,
            f"--task={args.task}",
            f"--episodes={args.episodes}",
            f"--output={evaluation}",
            "--cubes",
            *args.cubes,
        ],
    )


def _summary(args: argparse.Namespace, durations_s: dict[str, float]) -> Iterator[str]:
    """What each step took and gave."""
    output = args.output
    info = json.loads((output / "dataset/meta/info.json").read_text())
    closed = json.loads((output / "evaluation/evaluation.json").read_text())
    open_loop = json.loads((output / "evaluation/open_loop.json").read_text())
    low, high = closed["interval"]
    results = {
        "collect": f"{args.demonstrations} bags and {args.held_out} to compare with",
        "convert": f"{info['total_episodes']} episodes, {info['total_frames']} frames",
        "train": f"{args.steps} steps, {_checkpoint(args)}",
        "evaluate": f"{closed['successes']} of {closed['episodes']} "
        f"({100 * low:.0f} to {100 * high:.0f} % with 95 % confidence)",
    }
    if open_loop["position_error_m"] is not None:
        results["open loop"] = (
            f"{100 * open_loop['position_error_m']:.1f} cm off at the last step, "
            f"{100 * open_loop['mean_position_error_m']:.1f} cm when predicting the mean"
        )
    yield f"\n{args.variant} learnt to {args.task} in {sum(durations_s.values()) / 60:.1f} min"
    for name, duration_s in durations_s.items():
        yield f"  {name:<10} {duration_s:6.0f} s  {results.get(name, '')}".rstrip()
    yield f"{output / 'evaluation/contact_sheet.png'} shows every episode; run it with"
    yield (
        "  ros2 launch groot_ros policy.launch.py sim:=true "
        f"variant:={args.variant} checkpoints_dir:={quoted(_checkpoint(args))}"
    )
