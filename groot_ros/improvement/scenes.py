"""What the simulated arm is asked for in the rounds of an improvement."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from groot_ros.options import like, option
from groot_ros.policies.tried import check_executed_steps
from groot_ros.sim.scene import check_cubes
from groot_ros.sim.tasks import Kind
from groot_ros.sim.trials import Trials


@dataclass(frozen=True, kw_only=True)
class Scenes:
    """What is tried: `count` scenes from `seed` on are those of the comparison.

    `executed_steps` of a chunk are executed until the next inference, None for what the
    checkpoint's codec says.
    """

    task: Kind = option(default="pick")
    cubes: tuple[str, ...] = like(Trials, "cubes")
    count: int = 50
    seed: int = 70_000
    time_limit_s: float = 15.0
    patience_s: float = option(
        "the expert takes over once the policy has got no further for so long (%(default)s)",
        default=2.0,
        flags=("--patience",),
        metavar="S",
    )
    executed_steps: int | None = option(
        "of a chunk until the next inference; 0: it begins when the last one has ended (default: "
        "as groot-ros evaluate)",
        default=None,
    )

    def __post_init__(self) -> None:
        check_cubes(self.cubes)
        check_executed_steps(self.executed_steps)

    @property
    def trials(self) -> Trials:
        """Scenes of the comparison."""
        return Trials(self.task, self.count, self.seed, self.cubes, time_limit_s=self.time_limit_s)

    def to_dict(self) -> dict[str, Any]:
        """As a plan has it."""
        return asdict(self)
