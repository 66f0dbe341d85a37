"""What successes of so many trials say: intervals, comparisons, how many trials are missing."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from scipy import stats

CONFIDENCE, POWER = 0.95, 0.8
"""Of intervals and tests; of finding a difference that is there."""
WANTED_HALF_WIDTH = 0.1
"""A rate is known once its interval reaches so far to both sides on average."""
MOST_TRIALS = 100_000


def wilson_interval(successes: int, count: int) -> tuple[float, float]:
    """95 % interval of a success rate (Wilson 1927), in [0, 1]."""
    interval = stats.binomtest(successes, count).proportion_ci(CONFIDENCE, method="wilson")
    return float(interval.low), float(interval.high)


def trials_for_interval(successes: int, count: int, half_width: float = WANTED_HALF_WIDTH) -> int:
    """How many trials of the same rate have an interval that is 2 `half_width` wide at most."""
    share = successes / count

    def is_enough(trials: int) -> bool:
        low, high = wilson_interval(round(share * trials), trials)
        return high - low <= 2 * half_width

    few, many = 0, 1
    while not is_enough(many) and many < MOST_TRIALS:
        few, many = many, 2 * many
    while many - few > 1:
        middle = (few + many) // 2
        few, many = (few, middle) if is_enough(middle) else (middle, many)
    return many


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Two policies, a and b, in the same scenes.

    `only_a` and `only_b` are the scenes in which one alone succeeded, `p_value` is that of
    McNemar's exact test, two-sided; `pairs_needed` is how many scenes find a difference like this
    one in 80 of 100 repetitions, None where none was seen.
    """

    pairs: int
    only_a: int
    only_b: int
    p_value: float
    pairs_needed: int | None

    @property
    def difference(self) -> float:
        """Success rate of b less that of a."""
        return (self.only_b - self.only_a) / self.pairs

    @property
    def is_shown(self) -> bool:
        """Whether chance alone would seldom do this."""
        return self.p_value < 1 - CONFIDENCE

    def to_dict(self) -> dict[str, Any]:
        """As in reports."""
        return {
            "pairs": self.pairs,
            "only_first": self.only_a,
            "only_second": self.only_b,
            "difference": round(self.difference, 3),
            "p_value": round(self.p_value, 4),
            "pairs_needed": self.pairs_needed,
        }

    def sentence(self, a: str, b: str) -> str:
        """What may be said."""
        found = (
            f"{b} against {a} in {self.pairs} same scenes: {100 * self.difference:+.0f} points, "
            f"{self.only_b} that only {b} and {self.only_a} that only {a} did, p = "
            f"{self.p_value:.3f} (McNemar, exact)"
        )
        if self.is_shown:
            return f"{found}: a difference"
        if self.pairs_needed is None:
            return f"{found}: no difference was seen"
        more = max(self.pairs_needed - self.pairs, 1)
        return f"{found}: not shown, {more} more scenes would show a difference of this size"


def compare(a: Sequence[bool], b: Sequence[bool]) -> Comparison:
    """Two policies by their successes in the same scenes, in the same order.

    McNemar's exact test: under no difference each scene in which one alone succeeded is as likely
    the one's as the other's. The number of pairs is that of Connor (1987, Biometrics 43:207).
    """
    if len(a) != len(b) or not a:
        raise ValueError(f"{len(a)} and {len(b)} scenes are no pairs")
    only_a = sum(x and not y for x, y in zip(a, b, strict=True))
    only_b = sum(y and not x for x, y in zip(a, b, strict=True))
    apart = only_a + only_b
    p_value = float(stats.binomtest(only_a, apart).pvalue) if apart else 1.0
    return Comparison(
        pairs=len(a),
        only_a=only_a,
        only_b=only_b,
        p_value=p_value,
        pairs_needed=_pairs_needed(only_a / len(a), only_b / len(a)),
    )


def _pairs_needed(only_a: float, only_b: float) -> int | None:
    """n with z of the test's level sqrt(psi) + z of its power sqrt(psi - d^2) = |d| sqrt(n), where
    psi is the share of scenes in which one alone succeeded and d the difference of the rates."""
    psi, difference = only_a + only_b, abs(only_a - only_b)
    if difference == 0.0:
        return None
    level = float(stats.norm.ppf((1 + CONFIDENCE) / 2)) * math.sqrt(psi)
    power = float(stats.norm.ppf(POWER)) * math.sqrt(max(psi - difference**2, 0.0))
    return math.ceil(((level + power) / difference) ** 2)
