"""`groot-ros improve`: correct a policy and let it learn of that, round by round.

In every round somebody takes over where the policy goes wrong, the checkpoint is fine-tuned on
what they did and on old data, and both are tried in the same scenes: the better one stays. On a
robot you correct and judge, in simulation the scripted expert does. The same command goes on
after an interruption.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from groot_ros.cli.command import Command
from groot_ros.cli.common_options import robot_option, workers_option
from groot_ros.cli.ending import Ending
from groot_ros.cli.progress import with_progress
from groot_ros.errors import UserError
from groot_ros.files.shell import quoted
from groot_ros.improvement.scenes import Scenes
from groot_ros.options import group, option
from groot_ros.policies.tried import SIMULATED

if TYPE_CHECKING:
    from groot_ros.improvement.rounds import Site
    from groot_ros.improvement.state import Plan, State

AUTO, EXPERT, PERSON, DEMONSTRATIONS = "auto", "expert", "person", "demonstrations"


@dataclass(frozen=True, kw_only=True)
class FineTuning:
    """How a checkpoint goes on learning."""

    steps: int | None = option(
        "of fine-tuning in a round (default: a quarter of the checkpoint's own)", default=None
    )
    learning_rate: float | None = option(
        "highest (default: a quarter of the checkpoint's own)", default=None
    )
    old_share: float = option(
        "of the samples that come from what the checkpoint was trained on (%(default)s)",
        default=0.5,
    )
    dataset: tuple[Path, ...] = option(
        "what it was trained on (default: as the checkpoint says)", default=()
    )


@dataclass(frozen=True, kw_only=True)
class Options:
    """Of `groot-ros improve`."""

    robot: str = robot_option()
    checkpoint: Path = option("of groot-ros train, the one to begin with")
    rounds: int = option()
    output: Path = option(
        "folder to write, or to go on in (%(default)s)", default=Path("improved")
    )
    corrections: int = option("corrected episodes a round (%(default)s)", default=20)
    trials: int = option("scenes of the comparison (%(default)s)", default=50)
    by: str = option(
        "who corrects; auto: the scripted expert with --robot sim, else a person; demonstrations: "
        "the expert shows it all, which corrections can be compared with (%(default)s)",
        default=AUTO,
        choices=(AUTO, EXPERT, PERSON, DEMONSTRATIONS),
    )
    instruction: str = option("what to do, on a robot", default="")
    workers: int = workers_option("processes of the comparison, with --robot sim")
    tuning: FineTuning = group(title="fine-tuning")
    sim: Scenes = group(title="with --robot sim")


def run(options: Options) -> Ending:
    from groot_ros.improvement.rounds import improve

    state = improve(_plan(options), _site(options), options.output, print)
    return Ending(
        made=[options.output],
        facts=state.to_dict(),
        said=[*_rounds_said(state), f"the best: {state.checkpoint}"],
        next={
            "try it in other scenes": f"groot-ros evaluate --checkpoint {quoted(state.checkpoint)}"
        },
    )


def _plan(options: Options) -> Plan:
    from groot_ros.improvement.fine_tuning import (
        RATE_SHARE,
        STEPS_SHARE,
        datasets_of,
        trained_with,
    )
    from groot_ros.improvement.state import Plan
    from groot_ros.policies.checkpoint.folder import find_checkpoint

    if options.trials < 1:
        raise UserError(f"trials is {options.trials}, expected 1 or more")
    tuning, checkpoint = options.tuning, find_checkpoint(options.checkpoint)
    own = trained_with(checkpoint)
    datasets = tuple(map(str, tuning.dataset)) or datasets_of(own)
    if missing := [path for path in datasets if not Path(path).is_dir()]:
        raise UserError(
            f"{missing[0]}, which {checkpoint} was trained on, is not there: say with --dataset "
            "where it is"
        )
    steps, rate = tuning.steps, tuning.learning_rate
    return Plan(
        robot=options.robot,
        checkpoint=str(checkpoint),
        datasets=datasets,
        rounds=options.rounds,
        corrections=options.corrections,
        steps=max(1, round(STEPS_SHARE * own["num_train_steps"])) if steps is None else steps,
        learning_rate=RATE_SHARE * own["learning_rate"] if rate is None else rate,
        old_share=tuning.old_share,
        site=_deciding(options),
    )


def _deciding(options: Options) -> dict[str, Any]:
    """What else decides what comes of it."""
    by = _by(options)
    if by == PERSON:
        return {"by": by, "trials": options.trials, "instruction": options.instruction}
    return {"by": by, **_scenes(options).to_dict()}


def _by(options: Options) -> str:
    if options.by == AUTO:
        return EXPERT if options.robot == SIMULATED else PERSON
    if options.by != PERSON and options.robot != SIMULATED:
        raise UserError(f"--by {options.by} is of --robot {SIMULATED}: leave it out")
    return options.by


def _scenes(options: Options) -> Scenes:
    return replace(options.sim, count=options.trials)


def _site(options: Options) -> Site:
    from groot_ros.cli.convert_progress import convert_with_progress
    from groot_ros.cli.corrected_by_hand import ByHand
    from groot_ros.improvement.learned import corrections_of
    from groot_ros.improvement.simulated import Demonstrated, Simulated

    by = _by(options)
    conversion = corrections_of(
        options.checkpoint,
        options.robot,
        folder=options.output,
        only_corrections=by != DEMONSTRATIONS,
        only_success=by != PERSON,
    )
    if by == PERSON:
        return ByHand(
            robot=options.robot,
            instruction=options.instruction,
            wanted=options.corrections,
            trials=options.trials,
            conversion=conversion,
        )
    made = Demonstrated if by == DEMONSTRATIONS else Simulated
    return made(
        scenes=_scenes(options),
        wanted=options.corrections,
        conversion=conversion,
        convert_bags=convert_with_progress,
        workers=options.workers,
        show=with_progress,
    )


def _rounds_said(state: State) -> Iterator[str]:
    from groot_ros.improvement.rounds import rate_words

    for number, done in enumerate(state.rounds, start=1):
        stays = "kept" if done.kept == done.candidate else "not kept"
        yield f"round {number}: {rate_words(done.before)}, then {rate_words(done.after)}: {stays}"


COMMAND = Command(options=Options, run=run, resumed="the same command goes on in its --output")
