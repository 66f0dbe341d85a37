"""The terminal page of `groot-ros watch`."""

from __future__ import annotations

import io
import math
from typing import Any

from builtin_interfaces.msg import Duration
from rich.console import Console

from groot_ros.cli.verbs.running.watch import page
from groot_ros.nodes.clients.watch_node import Seen
from groot_ros_msgs.msg import ActionChunk, ChunkReport, ExecutorState


def text_of(seen: Seen) -> str:
    console = Console(file=io.StringIO(), width=120)
    console.print(page(seen))
    output: Any = console.file
    return str(output.getvalue())


def test_nothing_heard_is_said() -> None:
    assert "nothing heard from /executor" in text_of(Seen())


def test_the_page_tells_rates_ages_seams_budget_and_stops() -> None:
    state = ExecutorState(activity="holding", needs_resume=True, command_rate=199.9)
    state.stop_reason = "stopped, the emergency stop was pressed; call ~/resume to go on"
    seen = Seen(state=state, state_s=math.inf)
    seen.chunk = ActionChunk(step_duration=Duration(nanosec=50_000_000))
    seen.stamps_s.extend([1.0, 1.2, 1.4])
    seen.published.append(
        ChunkReport(
            decode_time=0.01,
            model_time=0.15,
            queue_time=0.005,
            publish_time=0.002,
            input_names=["camera wrist"],
            input_ages=[0.042],
        )
    )
    seen.executed.append(ChunkReport(seam_jump_position=0.0004, gap_position=0.012))
    seen.starved_steps, seen.problems = 3, {"/policy": "waiting: camera wrist"}
    text = text_of(seen)
    for words in (
        "the emergency stop was pressed",
        "5.0 Hz",
        "20.0 Hz",
        "199.9 Hz",
        "42 ms",
        "0.40 mm",
        "12.0 mm",
        "model 150.0 ms",
        "/policy: waiting: camera wrist",
    ):
        assert words in text, words
    seen.state_s = -math.inf
    assert "fallen silent" in text_of(seen)
