"""What a policy can do whose chunks come late: in simulated time, by strategy."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from groot_ros.policies.factory import PolicyChoice
from groot_ros.sim.trials import Outcome, Trials, summarize
from groot_ros.timing.latency import Latency
from groot_ros.training.closed_loop import Evaluation, evaluate

MEASURED = (
    "successes",
    "episodes",
    "interval",
    "mean_time_s",
    "flips",
    "jerk_m_s3",
    "failures",
    "failed_scenes",
)


@dataclass
class LatencyBenchmark:
    """The same scenes with the same noise for every latency and every strategy.

    `executed_steps` of a chunk are executed until the next inference begins; 0: it begins when the
    last one has ended, as in the nodes.
    """

    policy: PolicyChoice
    trials: Trials
    latencies: tuple[Latency, ...]
    strategies: tuple[str, ...]
    executed_steps: int = 0
    workers: int = 1
    rows: list[dict[str, Any]] = field(default_factory=list)

    @property
    def count(self) -> int:
        """Episodes of all cases."""
        return len(self.latencies) * len(self.strategies) * self.trials.count

    def steps(self) -> Iterator[Outcome]:
        """Run one episode after the other."""
        for latency in self.latencies:
            for strategy in self.strategies:
                case = Evaluation(
                    self.policy,
                    self.trials,
                    self.executed_steps,
                    self.workers,
                    latency=latency,
                    strategy=strategy,
                )
                outcomes = []
                for outcome in evaluate(case):
                    outcomes.append(outcome)
                    yield outcome
                self.rows.append(self._row(latency, strategy, outcomes))

    def _row(self, latency: Latency, strategy: str, outcomes: list[Outcome]) -> dict[str, Any]:
        summary = summarize(self.trials, outcomes)
        return {
            "latency_s": latency.chunk_s,
            "jitter_s": latency.jitter_s,
            "loss": latency.loss,
            "strategy": strategy,
            **{name: summary[name] for name in MEASURED},
        }

    def result(self) -> dict[str, Any]:
        """A row for each latency and strategy."""
        return {
            "variant": self.policy.variant,
            "checkpoint": self.policy.local.checkpoints_dir,
            "task": self.trials.kind,
            "cubes": list(self.trials.cubes),
            "first_scene": self.trials.seed,
            "executed_steps": self.executed_steps,
            "rows": self.rows,
        }
