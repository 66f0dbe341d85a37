"""`groot-ros export`: make a trained checkpoint small."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--checkpoint", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True, help="folder to write")
    parser.add_argument("--dtype", choices=["float32", "bfloat16", "float16"], default="bfloat16")


def run(args: argparse.Namespace) -> int:
    from groot_ros.policies.checkpoint.folder import find_checkpoint
    from groot_ros.training.export import export_checkpoint

    folder = find_checkpoint(str(args.checkpoint), "")
    size = export_checkpoint(Path(folder), args.output, args.dtype)
    print(f"wrote {args.output}: {size / 1e6:.1f} MB")
    return 0
