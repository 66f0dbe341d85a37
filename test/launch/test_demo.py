"""`groot-ros demo` as a newcomer runs it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import av
import yaml
from PIL import Image

LIMIT_S = 1800.0


def frame_count(film: Path) -> int:
    with av.open(str(film)) as container:
        return sum(1 for _ in container.decode(video=0))


def test_both_pick_the_cube_and_leave_films_plot_and_bags(ros_domain: int, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "groot_ros.cli.main", "demo", f"--output={tmp_path}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT_S)
    assert done.returncode == 0, done.stdout + done.stderr
    picked_up = next(line for line in done.stdout.splitlines() if "cube picked up" in line)
    assert picked_up.count("yes") == 2
    for policy in ("scripted", "groot"):
        assert frame_count(tmp_path / f"{policy}.mp4") > 30
        metadata = yaml.safe_load((tmp_path / f"{policy}_bag/metadata.yaml").read_text())
        information = metadata["rosbag2_bagfile_information"]
        counts = {
            topic["topic_metadata"]["name"]: topic["message_count"]
            for topic in information["topics_with_message_count"]
        }
        assert counts["/policy/action_chunk"] > 10 and counts["/target_pose"] > 100
    assert Image.open(tmp_path / "chunks.png").size[0] > 800
