"""`groot-ros evaluate --robot`: trials through running nodes, keys piped in."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

from graph import FakeRobot, Graph, NodeProcess

COMMAND = [sys.executable, "-u", "-m", "groot_ros.cli.main", "evaluate", "--robot=sim"]


class Session:
    """The command, whose questions are answered as they come."""

    def __init__(self, output: Path, *arguments: str) -> None:
        self.said = ""
        self.process = subprocess.Popen(
            [*COMMAND, "--trials=2", "--instruction=wave", f"--output={output}", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE if "--json" in arguments else subprocess.STDOUT,
        )

    def answer(self, question: str, key: str) -> None:
        """Wait for words, then press a key; of a program that reads they are beside its JSON."""
        asked = self.process.stderr or self.process.stdout
        assert asked and self.process.stdin
        while question not in self.said:
            line = asked.readline().decode()
            assert line, f"{question!r} was not asked: {self.said}"
            self.said += line
        self.said = self.said.split(question, 1)[1]
        self.process.stdin.write(key.encode())
        self.process.stdin.flush()

    def end(self) -> str:
        """What is said up to the end, which is in order."""
        out, _ = self.process.communicate(timeout=120)
        assert self.process.returncode == 0, out
        return self.said + out.decode()


def test_trials_go_home_are_judged_and_go_on_after_an_interruption(
    graph: Graph, robot: FakeRobot, start: type[NodeProcess], tmp_path: Path
) -> None:
    robot.follow("/target_pose")
    start("executor_node", robot="sim")
    start("policy_node", robot="sim", policy="sway", still_for=0.0)
    assert graph.transition("/executor", "configure") and graph.transition("/executor", "activate")
    assert graph.transition("/policy", "configure")

    first = Session(tmp_path)
    first.answer("lay out scene 1; Enter begins", "\n")
    home = list(robot.pose)
    assert abs(home[0] - 0.45) < 0.01 and abs(home[2] - 0.35) < 0.01
    first.answer("running", "")
    graph.wait_for(
        lambda: max(abs(a - b) for a, b in zip(robot.pose, home, strict=True)) > 0.02,
        "the policy to move the arm",
    )
    first.answer("y success", "y")
    first.answer("lay out scene 2; Enter begins", "q")
    assert "1 of 1" in (said := first.end()) and "1 of 2 trials left" in said

    second = Session(tmp_path)
    second.answer("trial 2 of 2: lay out scene 2; Enter begins", "\n")
    second.answer("y success", "d")
    second.answer("again: lay out scene 2; Enter begins", "\n")
    second.answer("running", "")
    second.process.send_signal(signal.SIGINT)
    assert "1 of 2 trials left" in second.end()
    assert graph.state("/policy") == "inactive"

    third = Session(tmp_path, "--json")
    third.answer("lay out scene 2; Enter begins", "\n")
    third.answer("running", "n")
    out, _ = third.process.communicate(timeout=120)
    [rate] = json.loads(out)["policies"].values()
    assert (rate["successes"], rate["trials"]) == (1, 2)
    kept = json.loads((tmp_path / "trials.json").read_text())
    assert [trial["outcome"] for trial in kept["trials"]] == ["success", "failure"]
    assert (tmp_path / kept["trials"][0]["film"]).stat().st_size > 1000
    assert graph.state("/policy") == "inactive"
