"""Conversion on a local Ray cluster of two nodes: the same dataset as by this machine alone."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any

from arm_bags import INSTRUCTION, ArmBag, conversion, write_bag

from groot_ros.data.conversion.convert import convert

RAY = ("ray==2.60.0",)
CONVERTED_S = 300.0
SCRIPT = Path(__file__).parent / "theirs" / "converted_on_ray.py"


def files(dataset: Path) -> dict[str, bytes]:
    return {
        path.relative_to(dataset).as_posix(): path.read_bytes()
        for path in sorted(dataset.rglob("*"))
        if path.is_file()
    }


def test_two_nodes_make_the_dataset_of_one_machine(environment: Any, tmp_path: Path) -> None:
    bags = tmp_path / "bags"
    for number in range(3):
        write_bag(bags / f"bag{number}", ArmBag(seconds=1.5 + number / 10).messages())
    alone = conversion(bags, tmp_path / "alone" / "dataset")
    convert(alone)
    theirs = environment("ray", RAY)
    # This package from here, Ray from its own environment, behind everything that is here.
    beside = sysconfig.get_path("purelib", vars={"base": str(theirs.python.parents[1])})
    variables = {**os.environ, "PYTHONPATH": os.pathsep.join([*filter(None, sys.path), beside])}
    arguments = ["convert", "--bags", bags, "--robot", alone.robot, "--codec", alone.codec]
    arguments += ["--output", tmp_path / "spread" / "dataset", "--engine", "ray"]
    arguments += ["--instruction", INSTRUCTION]
    done = subprocess.run(
        [sys.executable, SCRIPT, *map(str, arguments)],
        env=variables,
        capture_output=True,
        text=True,
        timeout=CONVERTED_S,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    assert done.stdout.startswith("2 nodes")
    expected, found = files(alone.output), files(tmp_path / "spread" / "dataset")
    assert found == expected
