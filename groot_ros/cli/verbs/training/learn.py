"""`groot-ros learn`: collect, convert, validate, train, evaluate."""

from __future__ import annotations

import json
import shlex
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from groot_ros.cli.carry_out import INTERRUPTED
from groot_ros.cli.command import Command
from groot_ros.cli.ending import Ending
from groot_ros.codecs.catalog import find_codec, shipped_codecs
from groot_ros.errors import UserError
from groot_ros.files.part import part_path
from groot_ros.files.shell import quoted
from groot_ros.options import like, option
from groot_ros.policies.checkpoint.folder import checkpoint_steps
from groot_ros.sim.tasks import Kind
from groot_ros.sim.trials import Trials

# The scenes of the evaluation are others again.
DEMONSTRATION_SCENE, HELD_OUT_SCENE = 1000, 40_000
# A verb, its arguments, and what is there once it has ended and need not be called again.
_Step = tuple[str, list[str], Path | None]


@dataclass(frozen=True, kw_only=True)
class Options:
    """Of `groot-ros learn`."""

    output: Path = option("folder to write", default=Path("learn"))
    task: Kind = option(default="pick")
    cubes: tuple[str, ...] = like(Trials, "cubes")
    variant: str = option(default="ee_rot6d_joints_rel")
    demonstrations: int = option(default=300)
    steps: int = option("of training", default=3000)
    seed: int = option("of the training", default=42)
    episodes: int = option("of the evaluation", default=50)
    held_out: int = option("more demonstrations, to compare with only", default=10)
    resume: bool = option("go on where it was interrupted", default=False)


def run(options: Options) -> int | Ending:
    """Call the verbs that a user would; ends with the first that fails."""
    from groot_ros.cli.main import parse
    from groot_ros.sim.scene import check_cubes

    check_cubes(options.cubes)
    if options.output.exists() and not options.resume:
        raise UserError(
            f"{options.output} is there already: go on with --resume, remove it or name another "
            "--output"
        )
    options.output.mkdir(parents=True, exist_ok=True)
    durations_s: dict[str, float] = {}
    for verb, arguments, made in _steps(options):
        if made and made.exists():
            continue
        print(f"\n==> groot-ros {verb} {shlex.join(arguments)}", flush=True)
        begin_s = time.monotonic()
        if code := parse([verb, *arguments])():
            if code == INTERRUPTED:
                raise KeyboardInterrupt
            return code
        name = "open loop" if "--open-loop" in arguments else verb
        durations_s[name] = durations_s.get(name, 0.0) + time.monotonic() - begin_s
    sheet, checkpoint = options.output / "evaluation/contact_sheet.png", _checkpoint(options)
    return Ending(
        made=[checkpoint, sheet],
        facts={"duration_s": durations_s},
        said=[*_summary(options, durations_s), f"{sheet} shows every episode"],
        next={
            "run it": "ros2 launch groot_ros policy.launch.py sim:=true "
            f"variant:={options.variant} checkpoints_dir:={quoted(checkpoint)}"
        },
    )


def _checkpoint(options: Options) -> Path:
    return Path(options.output / "runs" / options.task / f"checkpoint-{options.steps}")


def _steps(options: Options) -> Iterator[_Step]:
    yield from _data_steps(options)
    yield "validate", [str(options.output / "dataset")], None
    yield from _training_steps(options)


def _data_steps(options: Options) -> Iterator[_Step]:
    variant = find_codec(options.variant)
    # A file of the user's is found by its path alone.
    named = variant.codec_name if variant in shipped_codecs() else options.variant
    for name, episodes, scene in (
        ("", options.demonstrations, DEMONSTRATION_SCENE),
        ("held_out_", options.held_out, HELD_OUT_SCENE),
    ):
        bags, codec = options.output / f"{name}bags", f"--codec={named}"
        converted = options.output / f"{name}dataset"
        yield (
            "collect",
            [
                f"--task={options.task}",
                f"--episodes={episodes}",
                f"--seed={scene}",
                f"--output={bags}",
                "--cubes",
                *options.cubes,
                *_resumed(bags),
            ],
            converted,
        )
        yield (
            "convert",
            [
                f"--bags={bags}",
                "--robot=sim",
                codec,
                f"--output={converted}",
                "--only-success",
                *_resumed(part_path(converted)),
            ],
            converted,
        )


def _training_steps(options: Options) -> Iterator[_Step]:
    runs, evaluation = options.output / "runs", options.output / "evaluation"
    variant, checkpoint = find_codec(options.variant), f"--checkpoint={_checkpoint(options)}"
    begun = (runs / options.task).is_dir() and checkpoint_steps(runs / options.task)
    yield (
        "train",
        [
            f"--input_path={options.output / 'dataset'}",
            f"--output_path={runs}",
            f"--exp_name={options.task}",
            f"--modality_config={variant.modality_config}",
            "--base_model=tiny",
            f"--num_train_steps={options.steps}",
            f"--seed={options.seed}",
            *(["--resume"] if begun else []),
        ],
        _checkpoint(options),
    )
    yield "inspect", [str(_checkpoint(options))], None
    yield (
        "evaluate",
        [
            checkpoint,
            "--open-loop",
            f"--dataset={options.output / 'held_out_dataset'}",
            f"--output={evaluation}",
        ],
        None,
    )
    yield (
        "evaluate",
        [
            checkpoint,
            f"--task={options.task}",
            f"--episodes={options.episodes}",
            f"--output={evaluation}",
            "--cubes",
            *options.cubes,
        ],
        None,
    )


def _resumed(begun: Path) -> list[str]:
    return ["--resume"] if begun.exists() else []


def _summary(options: Options, durations_s: dict[str, float]) -> Iterator[str]:
    """What each step took and gave."""
    output = options.output
    info = json.loads((output / "dataset/meta/info.json").read_text())
    closed = json.loads((output / "evaluation/evaluation.json").read_text())
    open_loop = json.loads((output / "evaluation/open_loop.json").read_text())
    low, high = closed["interval"]
    results = {
        "collect": f"{options.demonstrations} bags and {options.held_out} to compare with",
        "convert": f"{info['total_episodes']} episodes, {info['total_frames']} frames",
        "train": f"{options.steps} steps, {_checkpoint(options)}",
        "evaluate": f"{closed['successes']} of {closed['episodes']} "
        f"({100 * low:.0f} to {100 * high:.0f} % with 95 % confidence)",
    }
    if open_loop["position_error_m"] is not None:
        results["open loop"] = (
            f"{100 * open_loop['position_error_m']:.1f} cm off at the last step, "
            f"{100 * open_loop['mean_position_error_m']:.1f} cm when predicting the mean"
        )
    minutes = sum(durations_s.values()) / 60
    yield f"\n{options.variant} learnt to {options.task} in {minutes:.1f} min"
    for name, duration_s in durations_s.items():
        yield f"  {name:<10} {duration_s:6.0f} s  {results.get(name, '')}".rstrip()


COMMAND = Command(options=Options, run=run, resumed="the same command goes on with --resume")
