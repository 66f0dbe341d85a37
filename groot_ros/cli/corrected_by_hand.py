"""A robot whose policy a person corrects and judges."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from groot_ros.cli.convert_progress import convert_with_progress
from groot_ros.cli.robot_trials import RobotTrials, run_robot_trials
from groot_ros.data.bags.files import bags_below
from groot_ros.data.conversion.settings import Conversion
from groot_ros.files.config_file import read_json
from groot_ros.files.part import PART_SUFFIX
from groot_ros.files.shell import quoted
from groot_ros.improvement.learned import add_corrections
from groot_ros.improvement.state import Round
from groot_ros.trials.session import FILE, SUCCESS

GUIDE = """\
In three terminals:
  ros2 launch groot_ros policy.launch.py robot:={robot} checkpoints_dir:={checkpoint}
  ros2 launch groot_ros record.launch.py robot:={robot} output:={bags} instruction:={instruction}
  groot-ros record
Record {wanted} episodes: r begins one, the policy moves the arm. Take over when it goes wrong,
with the device of the robot file (by its button, by moving it, or by
`ros2 service call /executor/take_over std_srvs/srv/Trigger`), show how it goes on from there,
and end the episode with y. Then stop all three."""

RUNNING = """\
Both checkpoints are tried on the robot, in turn. In another terminal, unless it runs:
  ros2 launch groot_ros policy.launch.py robot:={robot}"""


@dataclass(frozen=True, kw_only=True)
class ByHand:
    """A `Site` of the improvement: prints what is to be done and waits until it was."""

    robot: str
    instruction: str
    wanted: int
    trials: int
    conversion: Conversion

    def correct(self, number: int, progress: Round, bags: Path, done: Callable[[], None]) -> None:
        """Ask until there are enough bags."""
        bags.mkdir(parents=True, exist_ok=True)
        print(
            GUIDE.format(
                robot=quoted(self.robot),
                checkpoint=quoted(Path(progress.checkpoint).resolve()),
                bags=quoted(bags.resolve()),
                instruction=quoted(self.instruction),
                wanted=self.wanted,
            )
        )
        answer = ""
        while True:
            progress.scenes = progress.corrections = _bags_in(bags)
            done()
            if progress.corrections >= self.wanted or (answer == "g" and progress.corrections):
                return
            there = f"{progress.corrections} of {self.wanted} bags are in {bags}"
            try:
                answer = input(f"{there}; Enter looks again, g goes on with these: ").strip()
            except EOFError:
                raise KeyboardInterrupt from None

    def convert(self, bags: Path, dataset: Path) -> int:
        """Add what the operator did."""
        return add_corrections(self.conversion, convert_with_progress, bags, dataset)

    def judge(self, number: int, progress: Round, before: list[bool], folder: Path) -> None:
        """Blinded trials of both on the robot; those of earlier rounds were in other scenes."""
        print(RUNNING.format(robot=quoted(self.robot)))
        output = folder / "trials" / f"round_{number}"
        both = [Path(progress.checkpoint), Path(progress.candidate)]
        options = RobotTrials(robot=self.robot, trials=self.trials, instruction=self.instruction)
        run_robot_trials(options, both, output, as_json=False)
        found = read_json(output / FILE, "try again")["trials"]
        outcomes = [
            {t["scene"]: t["outcome"] == SUCCESS for t in found if t["policy"] == str(one)}
            for one in both
        ]
        if any(len(one) < self.trials for one in outcomes):
            raise KeyboardInterrupt
        progress.before, progress.after = (
            [one[scene] for scene in range(self.trials)] for one in outcomes
        )


def _bags_in(folder: Path) -> int:
    """Those that are whole."""
    return sum(not bag.name.endswith(PART_SUFFIX) for bag in bags_below(folder))
