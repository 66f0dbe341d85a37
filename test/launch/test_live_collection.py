"""`groot-ros collect --via ros`: bags of the recorder, of the same kind as those made without."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow.parquet as parquet
import pytest

from groot_ros.data.bags.reader import Bag
from groot_ros.data.conversion.convert import convert
from groot_ros.data.conversion.settings import Conversion
from groot_ros.data.review.validate import validate
from groot_ros.errors import UserError
from groot_ros.nodes.clients.live_collection import collect_live
from groot_ros.sim.collection import Collection

LIMIT_S = 1800.0
ROBOT_TOPICS = {
    "/joint_states",
    "/ee_pose",
    "/exterior/image_raw",
    "/wrist/image_raw",
    "/target_pose",
    "/gripper/command",
}


def collect(folder: Path, via: str) -> Path:
    """The bag of one pick."""
    command = [sys.executable, "-m", "groot_ros.cli.main", "collect", "--task=pick"]
    arguments = ["--episodes=1", "--workers=1", f"--via={via}", f"--output={folder}"]
    done = subprocess.run([*command, *arguments], capture_output=True, text=True, timeout=LIMIT_S)
    logs = [log.read_text() for log in folder.glob("logs/*.log")]
    assert done.returncode == 0, [done.stderr, *logs]
    assert "1 bags, 1 with success" in done.stdout
    return next(path.parent for path in folder.glob("*/metadata.yaml"))


def test_the_recorder_begins_anew(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    with pytest.raises(UserError, match="--resume is of --via inprocess: .* another folder"):
        next(collect_live(Collection("pick", 1, tmp_path, resume=True)))


def test_both_ways_give_the_same_kind_of_dataset(ros_domain: int, tmp_path: Path) -> None:
    infos, columns = [], []
    for via in ("ros", "inprocess"):
        bag = collect(tmp_path / via, via)
        assert set(Bag(bag).topics) - {"/episode_events"} == ROBOT_TOPICS
        info = Bag(bag).info
        assert info and (info.instruction, info.outcome) == ("pick up the red cube", "success")
        dataset = tmp_path / f"{via}_dataset"
        convert(Conversion([bag], "sim", "ee_rot6d_joints", dataset, only_success=True))
        assert validate(dataset).problems == []
        meta = json.loads((dataset / "meta/info.json").read_text())
        infos.append((meta["features"], json.loads((dataset / "meta/modality.json").read_text())))
        table = parquet.read_table(next(dataset.glob("data/**/*.parquet")))
        columns.append(
            {name: np.array(table[name].to_pylist()) for name in ("observation.state", "action")}
        )
    assert infos[0] == infos[1]
    # The same scene: the hand begins in the same place and ends above the same cube.
    starts, ends = ([c["observation.state"][row, 1:4] for c in columns] for row in (0, -1))
    np.testing.assert_allclose(*starts, atol=0.02)
    np.testing.assert_allclose(ends[0][:2], ends[1][:2], atol=0.03)
    for column, end in zip(columns, ends, strict=True):
        assert end[2] > 0.07
        grips = column["action"][:, -1]
        assert grips[0] == 0.0 and grips[-1] == 1.0
