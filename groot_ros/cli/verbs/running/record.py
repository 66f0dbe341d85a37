"""`groot-ros record`: record episodes from the keyboard, with live status.

Controls a running recorder; start one with `ros2 launch groot_ros record.launch.py robot:=...`.
Success and failure end the episode that is recorded.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from groot_ros.cli.command import Command
from groot_ros.cli.ending import Ending
from groot_ros.cli.keys import pressed, single_keys
from groot_ros.errors import UserError
from groot_ros.options import option

if TYPE_CHECKING:
    from groot_ros.nodes.clients.record_client import RecorderClient, RecorderStatus, TopicStatus

REFRESH_S = 0.2
# The recorder speaks once a second.
SILENT_S = 3.0
KEYS = {
    "r": ("record", "start"),
    "s": ("stop", "stop"),
    "y": ("success", "success"),
    "n": ("failure", "failure"),
    "a": ("again", "rerecord"),
    "d": ("discard", "discard"),
}
HELP = "  ".join(
    [
        *(f"[b]{key}[/b] {word}" for key, (word, _) in KEYS.items()),
        "[b]i[/b] instruction  [b]q[/b] quit",
    ]
)


@dataclass(frozen=True, kw_only=True)
class Options:
    """Of `groot-ros record`."""

    recorder: str = option("its node (default: /recorder)", default="/recorder")


def run(options: Options) -> Ending:
    if not sys.stdin.isatty():
        raise UserError(
            "groot-ros record needs a terminal for its keys: without one, call the recorder's "
            f"services, such as `ros2 service call {options.recorder}/start std_srvs/srv/Trigger`"
        )
    from groot_ros.nodes.clients.record_client import RecorderClient

    client = RecorderClient(options.recorder)
    try:
        RecorderKeys(client, Console()).loop()
    finally:
        client.close()
    values = client.status.values
    return Ending(
        facts={name: values.get(name, "") for name in ("episode", "outcome", "instruction")},
        next={"look at what was recorded": "groot-ros inspect RECORDINGS"},
    )


class RecorderKeys:
    """One key, one request to the recorder; its answer stays on the screen."""

    def __init__(self, client: RecorderClient, console: Console) -> None:
        self._client = client
        self._console = console
        self._answer = Text("")

    def loop(self) -> None:
        """Until q is pressed."""
        while True:
            with single_keys(), Live(console=self._console, auto_refresh=False) as live:
                key = self._wait(live)
            if key == "q":
                return
            self._ask_instruction()

    def _wait(self, live: Live) -> str:
        """Show the status and serve keys until one comes that needs the terminal: i or q."""
        while True:
            live.update(self.screen(), refresh=True)
            key = pressed(REFRESH_S)
            if key in ("i", "q"):
                return key
            if key in KEYS:
                self._guarded(partial(self._trigger, KEYS[key][1]))

    def _trigger(self, service: str) -> tuple[bool, str]:
        done, answer = self._client.trigger(service)
        return done, f"{service}: {answer}"

    def _ask_instruction(self) -> None:
        instruction = self._console.input("instruction: ").strip()
        if instruction:
            self._guarded(lambda: self._client.set_instruction(instruction))

    def _guarded(self, request: Callable[[], tuple[bool, str]]) -> None:
        try:
            done, answer = request()
        except UserError as error:
            done, answer = False, str(error)
        self._answer = Text(answer, style="" if done else "red")

    def screen(self) -> Group:
        """Everything that is shown."""
        status = self._client.status
        return Group(headline(status), topic_table(status), self._answer, Text.from_markup(HELP))


def headline(status: RecorderStatus) -> Text:
    """The recorder in one line, the episode's flags below it."""
    if status.received_s is None or time.monotonic() - status.received_s > SILENT_S:
        return Text("the recorder says nothing: is it running?", style="bold red")
    values = status.values
    text = Text()
    if values.get("recording") == "true":
        text.append(f"RECORDING {values['episode']} {values['elapsed [s]']} s", style="bold red")
    else:
        text.append("ready", style="bold green")
        if values.get("episode"):
            text.append(f", last {values['episode']} {values['outcome']}")
    if "messages" in values:
        text.append(f"  {values['messages']} messages, {values['size [MB]']} MB")
    text.append(f"  disk {values['disk left [GB]']} GB  “{values['instruction']}”")
    for flag in filter(None, status.problem.split("; ")):
        text.append(f"\n  {flag}", style="red")
    return text


def topic_table(status: RecorderStatus) -> Table:
    """Topics, those of the robot file in green or red."""
    table = Table(box=None, pad_edge=False)
    for heading in ("topic", "Hz", "age s", "offset s", "messages", "lost", ""):
        table.add_column(heading, justify="left" if heading in ("topic", "") else "right")
    for topic in status.topics:
        style = "red" if topic.problem else "green"
        expected = topic.values.get("robot file") == "true"
        table.add_row(*_cells(topic), style=style if expected or topic.problem else "dim")
    return table


def _cells(topic: TopicStatus) -> list[str]:
    keys = ("rate_hz", "age_s", "clock_offset_s", "messages", "dropped")
    return [topic.name, *(topic.values.get(key, "") for key in keys), topic.problem]


COMMAND = Command(
    options=Options,
    run=run,
    resumed="the recorder goes on without you; the same command comes back to it",
)
