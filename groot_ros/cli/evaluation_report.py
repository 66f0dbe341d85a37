"""What an evaluation in closed loop leaves and says, in whatever it was made."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from groot_ros.files.shell import quoted
from groot_ros.files.whole_file import write_whole
from groot_ros.sim.trials import FAILURES, Films, Outcome, compared


@dataclass(frozen=True, kw_only=True)
class EvaluationReport:
    """Numbers and outcomes of an evaluation; `name` says of what it is."""

    name: str
    result: dict[str, Any]
    outcomes: Sequence[Outcome]
    films: Films

    def write(self, output: Path, compare: Path | None) -> None:
        """Write contact sheet and numbers, compared with another evaluation if there is one."""
        from groot_ros.demo.contact_sheet import write_contact_sheet

        if compare:
            self.result["comparison"] = compared(compare, self.result)
        write_contact_sheet(self.title, self.outcomes, output / "contact_sheet.png")
        write_whole(output / "evaluation.json", json.dumps(self.result, indent=2) + "\n")

    def tell(self, output: Path, *, as_json: bool) -> None:
        """Print it."""
        result = self.result
        if as_json:
            print(json.dumps(result, indent=2))
            return
        filmed = "failures" if self.films.of == FAILURES else "trials"
        sheet = "contact_sheet.png, " if self.outcomes[0].picture is not None else ""
        print(f"wrote {output}: {sheet}evaluation.json, films of the {filmed}")
        for failure, failed in result["failures"].items():
            print(f"  {failed} {failure}")
        low, high = result["interval"]
        print(f"{self.title} ({100 * low:.0f} to {100 * high:.0f} % with 95 % confidence)")
        if (more := result["episodes_needed"] - result["episodes"]) > 0:
            print(f"  {more} more episodes would know the rate to 10 points")
        if "comparison" in result:
            print(f"  {result['comparison']['words']}")
        if result["mean_time_s"] is not None:
            print(f"  mean time to success {result['mean_time_s']:.1f} s")
        if "flips" in result:
            flips = f"{result['flips']:.1f} times an episode"
            print(f"  the gripper was told to open or to close {flips}")
        print(f"look at it: groot-ros view {quoted(output)}")

    @property
    def title(self) -> str:
        """The name and how many succeeded."""
        return f"{self.name}: {self.result['successes']} of {self.result['episodes']}"
