"""`groot-ros selfcheck`: what a checkpoint is and answers here, to compare and to post.

Hashes of its files, a table of its tensors, the answer to an observation and noise from a seed,
memory, times and versions. With the same files two machines differ by rounding alone.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("checkpoint", type=Path, help="folder of a checkpoint or of some")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--embodiment", default="", help="default: the first with statistics")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N")
    parser.add_argument(
        "--dtype", choices=["auto", "float32", "bfloat16", "float16"], default="auto"
    )


def run(args: argparse.Namespace) -> int:
    from groot_ros.model.inference.selfcheck import selfcheck
    from groot_ros.policies.checkpoint.folder import find_checkpoint

    folder = find_checkpoint(args.checkpoint)
    print(f"reading {folder}: minutes for a released one", file=sys.stderr)
    report = selfcheck(folder, args.device, args.dtype, args.embodiment)
    print(json.dumps(report, indent=2) if args.json else "\n".join(_lines(report)))
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
