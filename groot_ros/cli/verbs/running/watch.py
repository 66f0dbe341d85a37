"""`groot-ros watch`: rates, ages, seams and stops of a running robot."""

from __future__ import annotations

import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
from rich.console import Console, Group
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from groot_ros.cli.command import Command
from groot_ros.cli.ending import Ending
from groot_ros.options import option

PERIOD_S = 0.25
SILENT_S = 1.0
BAR_WIDTH = 48
BUDGET = (
    ("decode_time", "decode", "cyan"),
    ("model_time", "model", "green"),
    ("queue_time", "queue", "yellow"),
    ("publish_time", "publish", "magenta"),
)


@dataclass(frozen=True, kw_only=True)
class Options:
    """Of `groot-ros watch`."""

    seconds: float = option("end after so long; 0: Ctrl-C", default=0.0)


def run(options: Options) -> Ending:
    """Show the page until Ctrl-C; what was seen at last."""
    from groot_ros.nodes.clients.operator_node import running_node
    from groot_ros.nodes.clients.watch_node import WatchNode

    end_s = time.monotonic() + options.seconds
    with (
        running_node(WatchNode) as node,
        Live(page(node.seen), console=Console(), auto_refresh=False) as live,
        suppress(KeyboardInterrupt),
    ):
        while options.seconds == 0 or time.monotonic() < end_s:
            node.spin_for(PERIOD_S)
            live.update(page(node.seen), refresh=True)
    return Ending(facts=facts(node.seen))


def facts(seen: Any) -> dict[str, Any]:
    """What was seen, for a program; the executor's words are empty while nothing is heard."""
    state = seen.state
    return {
        "activity": state.activity if state else "",
        "stop_reason": state.stop_reason if state else "",
        "inference_rate_hz": seen.inference_rate_hz,
        "command_rate_hz": state.command_rate if state else 0.0,
        "starved_steps": seen.starved_steps,
        "refused_chunks": seen.rejected,
        "problems": {name: text for name, text in seen.problems.items() if text},
    }


def page(seen: Any) -> Group:
    """The page for what was seen, a `groot_ros.nodes.clients.watch_node.Seen`."""
    parts: list[Any] = [Panel(_state_line(seen), title="executor")]
    parts.append(_rates(seen))
    if seen.published:
        parts.append(Panel(_budget(seen.published), title="time from picture to chunk"))
    problems = [f"{name}: {text}" for name, text in seen.problems.items() if text]
    if problems:
        parts.append(Panel(Text("\n".join(problems), style="yellow"), title="problems"))
    return Group(*parts)


def _state_line(seen: Any) -> Text:
    state = seen.state
    if state is None:
        return Text("nothing heard from /executor: is it running and active?", style="red")
    if time.monotonic() - seen.state_s > SILENT_S:
        return Text("the executor has fallen silent", style="red")
    style = "green" if state.activity == "executing" else "yellow"
    line = Text(state.activity + (" (dry run)" if state.dry_run else ""), style=style)
    if state.control != "policy":
        line.append(f"  {state.control} {state.operator_hint}".rstrip(), style="cyan")
    if state.stop_reason:
        line.append(f"  {state.stop_reason}", style="red" if state.needs_resume else "yellow")
    return line


def _rates(seen: Any) -> Table:
    table = Table.grid(padding=(0, 2))
    state, chunk = seen.state, seen.chunk
    step_s = chunk.step_duration.sec + chunk.step_duration.nanosec / 1e9 if chunk else 0.0
    executed = seen.executed
    rows = [
        ("inference rate", f"{seen.inference_rate_hz:.1f} Hz"),
        ("action rate", f"{1 / step_s:.1f} Hz" if step_s else "-"),
        ("command rate", f"{state.command_rate:.1f} Hz" if state else "-"),
        ("command jitter p99", f"{state.command_jitter * 1e3:.2f} ms" if state else "-"),
        ("speed", f"{state.time_scale:.2f} of {state.speed_scale:.2f}" if state else "-"),
        ("step of the chunk", f"{state.step:.1f}" if state else "-"),
        ("chunk lasts", f"{state.remaining:.2f} s" if state else "-"),
        ("seam p95", _seam(executed)),
        ("gap p95", f"{_p95(r.gap_position for r in executed) * 1e3:.1f} mm"),
        ("starved steps", str(seen.starved_steps)),
        ("chunks refused", f"{seen.rejected} {seen.last_rejected}"),
    ]
    if seen.published:
        newest = seen.published[-1]
        rows += [
            (f"age of {name}", f"{age * 1e3:.0f} ms")
            for name, age in zip(newest.input_names, newest.input_ages, strict=False)
        ]
    for name, value in rows:
        table.add_row(name, value)
    return table


def _seam(reports: Iterable[Any]) -> str:
    reports = list(reports)
    position = _p95(r.seam_jump_position for r in reports)
    rotation = _p95(r.seam_jump_rotation for r in reports)
    return f"{position * 1e3:.2f} mm, {np.degrees(rotation):.2f} deg"


def _p95(values: Iterable[float]) -> float:
    numbers = list(values)
    return float(np.percentile(numbers, 95)) if numbers else 0.0


def _budget(reports: Iterable[Any]) -> Text:
    reports = list(reports)
    means = {key: float(np.mean([getattr(r, key) for r in reports])) for key, _, _ in BUDGET}
    total = max(sum(means.values()), 1e-9)
    line = Text()
    for key, _, color in BUDGET:
        line.append("█" * round(BAR_WIDTH * means[key] / total), style=color)
    line.append("\n")
    for key, name, color in BUDGET:
        line.append(f"{name} {means[key] * 1e3:.1f} ms  ", style=color)
    return line


COMMAND = Command(options=Options, run=run)
