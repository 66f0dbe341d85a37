"""`groot-ros selfcheck`: what a checkpoint is and answers here, to compare and to post.

Hashes of its files, a table of its tensors, the answer to an observation and noise from a seed,
memory, times and versions. With the same files two machines differ by rounding alone.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from groot_ros.cli.command import Command
from groot_ros.cli.common_options import (
    device_option,
    dtype_option,
    json_option,
)
from groot_ros.options import argument, option


@dataclass(frozen=True, kw_only=True)
class Options:
    """Of `groot-ros selfcheck`."""

    checkpoint: Path = argument("folder of a checkpoint or of some")
    json: bool = json_option()
    embodiment: str = option("default: the first with statistics", default="")
    device: str = device_option()
    dtype: str = dtype_option()


def run(options: Options) -> int:
    from groot_ros.model.inference.selfcheck import selfcheck
    from groot_ros.policies.checkpoint.folder import find_checkpoint

    folder = find_checkpoint(options.checkpoint)
    print(f"reading {folder}: minutes for a released one", file=sys.stderr)
    report = selfcheck(folder, options.device, options.dtype, options.embodiment)
    print(json.dumps(report, indent=2) if options.json else "\n".join(_lines(report)))
    return 1 if "refused" in report else 0


def _lines(report: dict[str, Any]) -> list[str]:
    size = sum(file["bytes"] for file in report["files"].values())
    versions = ", ".join(f"{name} {number}" for name, number in report["versions"].items())
    lines = [
        f"{report['checkpoint']}: {len(report['files'])} files, {size / 1e9:.2f} GB, hashed in "
        f"{report['hashing_s']:g} s",
        *(f"  {file['sha256'][:16]}  {name}" for name, file in report["files"].items()),
    ]
    if tensors := report.get("tensors"):
        dtypes = ", ".join(f"{count} {name}" for name, count in tensors["dtypes"].items())
        lines += [
            f"GR00T {report['gr00t']}, {tensors['count']} tensors ({dtypes}), "
            f"{tensors['parameters']:,} parameters",
            f"  names and shapes {tensors['names_sha256'][:16]}",
        ]
    if "refused" in report:
        return [*lines, f"NO ANSWER: {report['refused']}", versions]
    times, memory = report["times"], report["memory"]
    lines.append(f"embodiment {report['embodiment']} (slot {report['slot']}) answers")
    for key, answer in report["answer"].items():
        first = " ".join(f"{number:g}" for number in answer["first"])
        lines.append(f"  {key} {answer['shape'][0]} x {answer['shape'][1]}, first {first}")
    return [
        *lines,
        f"on {report['device']} in {report['dtype']}: loaded in {times['load_s']:g} s, an "
        f"inference {times['inference_s'] * 1e3:.1f} ms, at most "
        f"{memory['process_peak_bytes'] / 1e9:.2f} GB of memory and "
        f"{memory['device_peak_bytes'] / 1e9:.2f} GB on the device",
        versions,
        "==> groot-ros selfcheck CHECKPOINT --json is what to post or compare",
    ]


COMMAND = Command(options=Options, run=run)
