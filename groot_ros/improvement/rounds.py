"""Correct, convert, fine-tune, compare, keep the better; again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from groot_ros.errors import UserError
from groot_ros.files.folder_lock import folder_lock
from groot_ros.improvement.fine_tuning import fine_tune
from groot_ros.improvement.state import Plan, Round, State, rate

BAGS, DATASET, RUNS = "bags", "corrections", "runs"
CORRECTING, CONVERTING, TUNING, COMPARING = (
    "correcting",
    "converting",
    "fine-tuning",
    "comparing",
)

Tell = Callable[[str], None]


class Site(Protocol):
    """Where the robot is: who corrects it there, who judges, and what is learned of the bags."""

    def correct(self, number: int, progress: Round, bags: Path, done: Callable[[], None]) -> None:
        """Record bags of a round until there are enough; `done` after every scene that counts."""

    def convert(self, bags: Path, dataset: Path) -> int:
        """Add what was corrected to a dataset; how many episodes it has then."""

    def judge(self, number: int, progress: Round, before: list[bool], folder: Path) -> None:
        """Try the round's checkpoint, unless `before` says what came of it, and its candidate in
        the same scenes."""


def improve(plan: Plan, site: Site, folder: Path, tell: Tell) -> State:
    """Do the rounds that are left; every stage is written down once it is over.

    KeyboardInterrupt, or the end of the process, loses at most the scene, the steps of training
    since the last checkpoint, or the comparison that was under way.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with folder_lock(folder):
        state = State.opened(plan, folder)
        for number, progress in state.left():
            state.write()
            _go_through(state, site, number=number, progress=progress, tell=tell)
        return state


def _go_through(state: State, site: Site, number: int, progress: Round, tell: Tell) -> None:
    plan, folder = state.plan, state.folder
    about = f"round {number} of {plan.rounds}"
    if not progress.is_recorded:
        tell(f"{about}: {CORRECTING} {progress.checkpoint}")
        bags = folder / BAGS / f"round_{number}"
        site.correct(number, progress, bags, state.write)
        if not progress.corrections:
            raise UserError(
                f"{about}: in {progress.scenes} scenes {progress.checkpoint} was never corrected "
                "with success, so there is nothing to learn: choose scenes in which it fails and "
                "whoever corrects it does not"
            )
        progress.is_recorded = True
        state.write()
        tell(f"{progress.corrections} corrected episodes of {progress.scenes}")
    if not progress.episodes:
        tell(f"{about}: {CONVERTING}")
        progress.episodes = site.convert(folder / BAGS, folder / DATASET)
        state.write()
    if not progress.candidate:
        tell(f"{about}: {TUNING} on {progress.episodes} episodes with corrections")
        run = folder / RUNS / f"round_{number}"
        candidate = fine_tune(plan, progress.checkpoint, folder / DATASET, run)
        progress.candidate = str(candidate)
        state.write()
    tell(f"{about}: {COMPARING}")
    site.judge(number, progress, _known(state, number), folder)
    state.write()
    tell(sentence(progress))


def _known(state: State, number: int) -> list[bool]:
    """What came of a round's checkpoint, which is the one that the round before it kept."""
    if number == 1:
        return []
    last = state.rounds[number - 2]
    return list(last.after if last.kept == last.candidate else last.before)


def sentence(progress: Round) -> str:
    """Both numbers with their intervals, and which checkpoint stays."""
    comparison = progress.comparison
    assert comparison
    words = [f"{rate_words(progress.before)} before, {rate_words(progress.after)} after"]
    words.append(comparison.sentence("before", "after"))
    words.append(f"kept: {progress.kept}")
    return "\n".join(words)


def rate_words(outcomes: list[bool]) -> str:
    """Successes with their 95 % interval, in words."""
    found = rate(outcomes)
    low, high = (100 * bound for bound in found["interval"])
    return f"{found['successes']} of {found['episodes']} ({low:.0f} to {high:.0f} %)"
