"""How every verb tells what it does: JSON, silence, Ctrl-C, progress in a log."""

from __future__ import annotations

import argparse
import io
import json
from dataclasses import dataclass
from pathlib import Path

import pytest

from groot_ros.cli.carry_out import Told, carry_out
from groot_ros.cli.command import Command, add_command
from groot_ros.cli.ending import Ending
from groot_ros.cli.main import import_verb, main, verb_files
from groot_ros.cli.progress import LogLines
from groot_ros.options import option


@dataclass(frozen=True, kw_only=True)
class Options:
    count: int = option(default=3)


def make(options: Options) -> Ending:
    print("working")
    return Ending(
        made=[Path("bags")],
        facts={"count": options.count},
        said=[f"wrote bags: {options.count}"],
        next={"look at them": "groot-ros view bags"},
    )


COMMAND = Command(options=Options, run=make, resumed="--resume goes on")


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        (Told(), "working\nwrote bags: 3\nlook at them: groot-ros view bags\n"),
        (Told(quiet=True), ""),
    ],
)
def test_a_person_reads_what_was_made_and_what_comes_next_or_nothing(
    told: Told, expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert carry_out(COMMAND, Options(), told) == 0
    assert capsys.readouterr().out == expected


@pytest.mark.parametrize(("quiet", "beside"), [(False, "working\n"), (True, "")])
def test_a_program_reads_one_json_object(
    quiet: bool, beside: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert carry_out(COMMAND, Options(count=2), Told(as_json=True, quiet=quiet)) == 0
    said = capsys.readouterr()
    expected = {"count": 2, "made": ["bags"], "next": ["groot-ros view bags"], "exit_code": 0}
    assert json.loads(said.out) == expected
    assert said.err == beside


def test_after_an_interruption_it_says_how_to_go_on(capsys: pytest.CaptureFixture[str]) -> None:
    def interrupted(_: Options) -> int:
        raise KeyboardInterrupt

    command = Command(options=Options, run=interrupted, resumed="--resume goes on")
    assert carry_out(command, Options(), Told(quiet=True)) == 130
    assert capsys.readouterr().err == "interrupted: --resume goes on\n"


def test_mistakes_are_told_when_all_else_is_quiet(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", "nowhere", "--quiet"]) == 2
    assert "nowhere does not exist" in capsys.readouterr().err
    assert main(["codec", "list", "--quiet"]) == 0
    assert capsys.readouterr().out == ""
    assert main(["codec", "show", "joints", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["codec"] == "joints"


@pytest.mark.parametrize("verb", verb_files())
def test_every_command_has_json_and_quiet(verb: str) -> None:
    parser = argparse.ArgumentParser()
    add_command(parser, import_verb(verb_files()[verb]).COMMAND)
    for command in leaves(parser):
        known = command.format_help()
        assert "--json" in known and "--quiet" in known, command.prog


def leaves(parser: argparse.ArgumentParser) -> list[argparse.ArgumentParser]:
    below = [a for a in parser._actions if isinstance(a, argparse._SubParsersAction)]
    if not below:
        return [parser]
    return [leaf for choice in below[0].choices.values() for leaf in leaves(choice)]


def test_a_log_gets_lines_with_what_is_done_and_left() -> None:
    now_s = [0.0]
    log = io.StringIO()
    lines = LogLines("recording", 40, "episodes", log, clock_s=lambda: now_s[0])
    for done in range(1, 41):
        now_s[0] += 4.0
        lines.tell(done)
    said = log.getvalue().splitlines()
    assert said[0] == "recording: 3 of 40 episodes, 7 %, about 2 min left"
    assert said[-1] == "recording: 39 of 40 episodes, 97 %, about 4 s left"
    assert len(said) == 13


def test_a_missing_package_is_named_with_its_extra(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def without(_: Options) -> int:
        raise ModuleNotFoundError("No module named 'mujoco'", name="mujoco")

    command = Command(options=Options, run=without)
    monkeypatch.setattr(
        "groot_ros.cli.main.parse", lambda _: lambda: carry_out(command, Options(), Told())
    )
    assert main([]) == 2
    assert "pip install 'groot_ros[sim]'" in capsys.readouterr().err
