"""`groot-ros init-checkpoint`: write a tiny GR00T checkpoint with untrained weights."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

from groot_ros.codecs.catalog import find_codec
from groot_ros.robot.config import load_robot


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--size", choices=["tiny"], default="tiny")
    parser.add_argument("--variant", required=True, help="such as ee_rot6d_joints")
    parser.add_argument("--robot", default="sim", help="robot name or file (default: sim)")
    parser.add_argument("--output", type=Path, required=True, help="folder to write")
    parser.add_argument("--gr00t", choices=["N1.7", "N1.6"], default="N1.7", help="version")
    parser.add_argument("--seed", type=int, default=0)


def run(args: argparse.Namespace) -> int:
    from groot_ros.model.tiny.for_robot import checkpoint_spec
    from groot_ros.model.tiny.init import init_checkpoint

    spec = checkpoint_spec(find_codec(args.variant), load_robot(args.robot))
    init_checkpoint(args.output, replace(spec, version=args.gr00t), args.seed)
    print(f"wrote {args.output}: untrained weights, for trying the loop and for training")
    return 0
