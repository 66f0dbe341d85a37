"""`groot-ros demo`: move the simulated arm with two policies, film it."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from groot_ros.cli.command import ANEW, Command
from groot_ros.cli.ending import Ending
from groot_ros.demo.trace import Summary, Trace, summarize
from groot_ros.options import group, option
from groot_ros.policies.checkpoint.config import LocalPolicyConfig
from groot_ros.policies.checkpoint.folder import checkpoint_variant, shipped_checkpoint
from groot_ros.policies.factory import PolicyChoice
from groot_ros.robot.config import load_robot
from groot_ros.timing.latency import SimulatedTime

LEAST_MOVED_M = 0.05
NOISE_SEED = 0
NAMES = {"scripted": "scripted", "local": "groot"}


@dataclass(frozen=True, kw_only=True)
class Options:
    """Of `groot-ros demo`."""

    output: Path = option("folder of the results", default=Path("demo"))
    seconds: float = option("of each policy's time at most", default=40.0)
    seed: int = option("scene", default=0)
    time: SimulatedTime = group(SimulatedTime(real_time_factor=1.0))


def run(options: Options) -> Ending:
    """Run both policies; 1 when a node died, nothing was executed or the cube was not lifted."""
    from groot_ros.demo.plots import write_chunk_plot
    from groot_ros.nodes.clients.ros2_process import enter_private_domain

    console = Console()
    options.output.mkdir(parents=True, exist_ok=True)
    enter_private_domain()
    problems: list[str] = []
    traces = []
    shipped = shipped_checkpoint()
    for policy in (
        PolicyChoice("scripted", "scripted"),
        PolicyChoice(
            "local", checkpoint_variant(shipped), LocalPolicyConfig(str(shipped), seed=NOISE_SEED)
        ),
    ):
        console.print(f"running {NAMES[policy.policy]} for at most {options.seconds:g} s")
        traces.append(_run_policy(policy, options, problems))
    console.print("drawing chunks.png")
    write_chunk_plot(traces, options.output / "chunks.png")
    summaries = [summarize(trace) for trace in traces]
    console.print(_table(summaries))
    problems += [problem for summary in summaries for problem in _problems(summary)]
    for problem in problems:
        console.print(f"[red]{problem}[/red]")
    names = [*(f"{name}.mp4" for name in NAMES.values()), "chunks.png"]
    return Ending(
        made=[options.output / name for name in names],
        facts={"policies": [asdict(summary) for summary in summaries], "problems": problems},
        said=[f"{options.output}/ has the films, chunks.png and the bags"],
        next={"learn it from nothing": "groot-ros learn"},
        exit_code=1 if problems else 0,
    )


def _run_policy(policy: PolicyChoice, options: Options, problems: list[str]) -> Trace:
    from groot_ros.demo.film import write_film
    from groot_ros.nodes.clients.ros2_process import DIED, policy_launch, ros2_process
    from groot_ros.nodes.clients.witness_node import watch_run

    name = NAMES[policy.policy]
    trace = Trace(name)
    bag, incidents = (options.output / f"{name}_{part}" for part in ("bag", "incidents"))
    for folder in (bag, incidents):
        shutil.rmtree(folder, ignore_errors=True)
    log, bag_log = (options.output / f"{part}.log" for part in (name, f"{name}_bag"))
    timing = options.time
    launch = policy_launch(
        policy,
        seed=str(options.seed),
        black_box="true",
        incident_folder=str(incidents.resolve()),
        **timing.launch_arguments,
    )
    record = ["bag", "record", "--all", "--storage", "mcap", "--output", str(bag)]
    with (
        ros2_process(launch, log) as alive,
        ros2_process(record, bag_log),
    ):
        watch_run(
            load_robot("sim"),
            trace,
            alive=alive,
            seconds=options.seconds,
            real_time=timing.real_time,
        )
    if DIED in log.read_text():
        problems.append(f"{name}: a node died, see {log}")
    if not bag.exists():
        problems.append(f"{name}: no bag was recorded, see {bag_log}")
    write_film(trace, options.output / f"{name}.mp4")
    return trace


def _problems(summary: Summary) -> Iterator[str]:
    if not summary.succeeded:
        yield f"{summary.policy}: the cube was not picked up"
    if summary.executed_steps == 0:
        yield f"{summary.policy}: no step of a chunk was executed"
    if summary.moved_m < LEAST_MOVED_M:
        yield f"{summary.policy}: the arm moved only {summary.moved_m * 1000:.0f} mm"


def _table(summaries: list[Summary]) -> Table:
    table = Table("", *(summary.policy for summary in summaries), title="what the nodes did")
    rows: list[tuple[str, Callable[[Summary], str]]] = [
        ("chunks", lambda s: str(s.chunks)),
        (r"inference rate \[Hz]", lambda s: f"{s.inference_rate_hz:.1f}"),
        (r"action rate \[Hz]", lambda s: f"{s.action_rate_hz:.1f}"),
        (r"command rate \[Hz]", lambda s: f"{s.command_rate_hz:.1f}"),
        (r"observation age, median / p95 \[ms]", lambda s: _milliseconds(s.observation_age_s)),
        (r"model time, median / p95 \[ms]", lambda s: _milliseconds(s.model_s)),
        ("steps executed", lambda s: str(s.executed_steps)),
        ("steps dropped", lambda s: str(s.dropped_steps)),
        ("steps starved", lambda s: str(s.starved_steps)),
        (r"way of the hand \[m]", lambda s: f"{s.moved_m:.2f}"),
        ("cube picked up", lambda s: "yes" if s.succeeded else "no"),
    ]
    for name, value in rows:
        table.add_row(name, *(value(summary) for summary in summaries))
    return table


def _milliseconds(pair: tuple[float, float]) -> str:
    return f"{pair[0] * 1000:.0f} / {pair[1] * 1000:.0f}"


COMMAND = Command(options=Options, run=run, resumed=ANEW)
