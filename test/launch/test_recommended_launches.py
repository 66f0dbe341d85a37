"""Every launch and node that documentation or a message recommends exists and takes this."""

from __future__ import annotations

import re
from pathlib import Path

from launch import LaunchContext
from launch.actions import DeclareLaunchArgument
from launch.launch_description_sources import PythonLaunchDescriptionSource

ROOT = Path(__file__).parents[2]
LAUNCH = re.compile(r"ros2 launch groot_ros (\S+?\.launch\.py)([^\n`]*)")
RUN = re.compile(r"ros2 run groot_ros (\w+)")
ARGUMENT = re.compile(r"\b([a-z]\w*):=")
TEXTS = {
    path: re.sub(r'"\s*\n\s*f?"', "", path.read_text()).replace("\\\n", " ")
    for folder, kind in (
        (ROOT, "*.md"),
        (ROOT / "docs", "**/*.md"),
        (ROOT / "groot_ros", "**/*.py"),
    )
    for path in sorted(folder.glob(kind))
}


def declared(file: str) -> set[str]:
    source = PythonLaunchDescriptionSource(str(ROOT / "launch" / file))
    entities = source.get_launch_description(LaunchContext()).entities
    return {entity.name for entity in entities if isinstance(entity, DeclareLaunchArgument)}


def test_launch_files_have_the_arguments_that_are_recommended() -> None:
    lines = [(p, *found) for p, text in TEXTS.items() for found in LAUNCH.findall(text)]
    assert len(lines) > 10
    known = {file: declared(file) for file in {file for _, file, _ in lines}}
    for path, file, words in lines:
        assert set(ARGUMENT.findall(words)) <= known[file], f"{path}: {file}{words}"


def test_nodes_that_are_recommended_are_installed() -> None:
    names = {name for text in TEXTS.values() for name in RUN.findall(text)}
    setup = (ROOT / "setup.py").read_text()
    assert names
    assert all(f'"{name} = ' in setup for name in names)
