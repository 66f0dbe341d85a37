"""Options for how time passes in a run with the simulated arm."""

from __future__ import annotations

import argparse

from groot_ros.timing.latency import CHUNK_LATENCY_S, Latency, SimulatedTime


def add_time_options(
    parser: argparse.ArgumentParser | argparse._ArgumentGroup, real_time_factor: float
) -> None:
    """Add `--latency`, `--jitter`, `--loss`, `--real-time-factor` and `--real-time`."""
    parser.add_argument(
        "--latency",
        type=float,
        default=CHUNK_LATENCY_S,
        metavar="S",
        help="a chunk comes so long after its pictures were taken (%(default)s)",
    )
    parser.add_argument(
        "--jitter", type=float, default=0.0, metavar="S", help="how far that strays (%(default)s)"
    )
    parser.add_argument(
        "--loss", type=float, default=0.0, help="share of chunks that never come (%(default)s)"
    )
    parser.add_argument(
        "--real-time-factor",
        type=float,
        default=real_time_factor,
        metavar="X",
        help="through the nodes: simulated time per time at most, 0: as the machine can "
        "(%(default)s)",
    )
    parser.add_argument(
        "--real-time",
        action="store_true",
        help="through the nodes: on the wall clock, where latency is what the machine makes of it",
    )


def chosen_time(args: argparse.Namespace) -> SimulatedTime:
    """What was chosen; UserError when it cannot be."""
    latency = Latency(args.latency, args.jitter, args.loss)
    return SimulatedTime(latency, args.real_time_factor, args.real_time)
