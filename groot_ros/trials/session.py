"""A session of trials: policies that take turns in the same scenes, in an order nobody knows."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from groot_ros.errors import UserError
from groot_ros.files import config_file
from groot_ros.files.whole_file import write_whole
from groot_ros.trials.statistics import compare, trials_for_interval, wilson_interval

FILE = "trials.json"
SUCCESS, FAILURE = "success", "failure"
REMEDY = "choose another --output"


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Each of `policies`, folders of checkpoints, in each of `scenes` scenes; `seed` decides who
    is the first in which."""

    robot: str
    instruction: str
    policies: tuple[str, ...]
    scenes: int
    seed: int

    def __post_init__(self) -> None:
        if self.scenes < 1:
            raise UserError(f"trials is {self.scenes}, expected 1 or more")
        if len(set(self.policies)) != len(self.policies):
            raise UserError("a checkpoint is named twice, expected each once")

    def order(self) -> list[tuple[int, str]]:
        """Scene, counted from 0, and policy of every trial: the policies follow each other in a
        scene, each as often first as the others (but for one scene left over)."""
        rng = random.Random(self.seed)
        firsts = [i % len(self.policies) for i in range(self.scenes)]
        rng.shuffle(firsts)
        order: list[tuple[int, str]] = []
        for scene, first in enumerate(firsts):
            others = [policy for i, policy in enumerate(self.policies) if i != first]
            rng.shuffle(others)
            order += [(scene, policy) for policy in (self.policies[first], *others)]
        return order


@dataclass(frozen=True, kw_only=True)
class Trial:
    """The result of a trial: success or failure as judged by the operator, and why it ended."""

    scene: int
    policy: str
    outcome: str
    duration_s: float
    ended: str
    film: str = ""


@dataclass
class Session:
    """A plan and the trials that are over, in a folder; belongs to who runs it."""

    plan: Plan
    folder: Path
    trials: list[Trial] = field(default_factory=list)

    @classmethod
    def opened(cls, plan: Plan, folder: Path) -> Session:
        """A new one, or the one that is in the folder, where it is of the same plan; the order is
        that of the first time. UserError where it is another."""
        try:
            found = config_file.read_json(folder / FILE, REMEDY)
        except FileNotFoundError:
            return cls(plan, folder)
        try:
            before = Plan(**{**found["plan"], "policies": tuple(found["plan"]["policies"])})
            trials = [Trial(**trial) for trial in found["trials"]]
        except (KeyError, TypeError):
            raise UserError(f"{folder / FILE} holds no session of trials: {REMEDY}") from None
        for name, old in asdict(before).items():
            if name != "seed" and (new := getattr(plan, name)) != old:
                raise UserError(
                    f"{folder} holds trials whose {name} is {old!r}, not {new!r}: go on with the "
                    f"same, or {REMEDY}"
                )
        return cls(before, folder, trials)

    def left(self) -> Iterator[tuple[int, str]]:
        """Scene and policy of the trials that are not over, in order; one is over once added."""
        for scene, policy in self.plan.order():
            if not any((t.scene, t.policy) == (scene, policy) for t in self.trials):
                yield scene, policy

    def add(self, trial: Trial) -> None:
        """Add a finished trial; the file is written when this returns."""
        self.trials.append(trial)
        self.write()

    def write(self) -> None:
        """Write plan, trials and what they say."""
        content = {
            "plan": asdict(self.plan),
            "trials": [asdict(trial) for trial in self.trials],
            "summary": self.summary(),
        }
        write_whole(self.folder / FILE, json.dumps(content, indent=2) + "\n")

    def _successes(self, policy: str) -> dict[int, bool]:
        return {t.scene: t.outcome == SUCCESS for t in self.trials if t.policy == policy}

    def summary(self) -> dict[str, Any]:
        """Rates with intervals, and each policy against the first one in the scenes of both."""
        rates = {}
        for policy in self.plan.policies:
            seen = list(self._successes(policy).values())
            if seen:
                interval = wilson_interval(sum(seen), len(seen))
                rates[policy] = {
                    "successes": sum(seen),
                    "trials": len(seen),
                    "interval": [round(bound, 3) for bound in interval],
                    "trials_needed": trials_for_interval(sum(seen), len(seen)),
                }
        return {"policies": rates, "comparisons": self._comparisons()}

    def _comparisons(self) -> list[dict[str, Any]]:
        first, *others = self.plan.policies
        found = []
        for other in others:
            a, b = self._successes(first), self._successes(other)
            if both := sorted(a.keys() & b.keys()):
                comparison = compare([a[s] for s in both], [b[s] for s in both])
                words = comparison.sentence(Path(first).name, Path(other).name)
                found.append(
                    {"first": first, "second": other, **comparison.to_dict(), "words": words}
                )
        return found

    def sentences(self) -> list[str]:
        """The report, line by line."""
        summary, lines = self.summary(), []
        for policy, rate in summary["policies"].items():
            interval = wilson_interval(rate["successes"], rate["trials"])
            low, high = (100 * bound for bound in interval)
            more = max(rate["trials_needed"] - rate["trials"], 0)
            lines.append(
                f"{policy or 'the running policy'}: {rate['successes']} of {rate['trials']} "
                f"({low:.0f} to {high:.0f} % with 95 % confidence)"
                + (f"; {more} more trials would know it to 10 points" if more else "")
            )
        return lines + [comparison["words"] for comparison in summary["comparisons"]]
