"""`groot-ros collect`: record demonstrations of the scripted expert."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from groot_ros.cli.command import Command
from groot_ros.cli.common_options import workers_option
from groot_ros.cli.ending import Ending
from groot_ros.cli.progress import with_progress
from groot_ros.files.shell import quoted
from groot_ros.options import group, option
from groot_ros.sim.tasks import Kind
from groot_ros.timing.latency import SimulatedTime


@dataclass(frozen=True, kw_only=True)
class Options:
    """Of `groot-ros collect`."""

    task: Kind = option()
    episodes: int = option()
    output: Path = option("folder for the bags")
    cubes: tuple[str, ...] = option(
        "colors on the table, mostly from left to right; each has its turn",
        default=("red",),
        metavar="COLOR",
    )
    seed: int = option("scene of the first episode", default=1000)
    via: str = option(
        "inprocess: without ROS; ros: through nodes and recorder",
        default="inprocess",
        choices=("inprocess", "ros"),
    )
    time: SimulatedTime = group(title="with --via ros")
    workers: int = workers_option("processes (inprocess)")
    resume: bool = option(
        "go on with what was interrupted, episodes that are whole stay (inprocess)", default=False
    )


def run(options: Options) -> Ending:
    from groot_ros.sim.collection import Collection, collect

    collection = Collection(
        kind=options.task,
        episodes=options.episodes,
        output=options.output,
        cubes=options.cubes,
        seed=options.seed,
        workers=options.workers,
        resume=options.resume,
    )
    if options.via == "ros":
        from groot_ros.nodes.clients.live_collection import collect_live

        recording = collect_live(collection, options.time)
    else:
        recording = collect(collection)
    outcomes = list(with_progress(recording, "recording", collection.episodes, "episodes"))
    succeeded, bags = sum(outcomes), quoted(options.output)
    return Ending(
        made=[options.output],
        facts={"bags": len(outcomes), "succeeded": succeeded},
        said=[f"wrote {options.output}: {len(outcomes)} bags, {succeeded} with success"],
        next={
            "look at them": f"groot-ros view {bags} --robot sim",
            "make a dataset": f"groot-ros convert --bags {bags} --robot sim "
            f"--codec ee_rot6d_joints --output DATASET --only-success",
        },
    )


COMMAND = Command(
    options=Options,
    run=run,
    resumed="the same command goes on with --resume; through the nodes it begins anew in another "
    "folder",
)
