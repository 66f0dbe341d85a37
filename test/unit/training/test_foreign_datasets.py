"""Datasets that this package did not make train through a drafted codec file."""

from __future__ import annotations

import json
from pathlib import Path

import av
import lerobot_dataset as lerobot
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from lerobot_dataset import JOINTS, LENGTHS, TASKS, Flavour
from safetensors.torch import load_file
from training_options import options

from groot_ros.cli.main import main
from groot_ros.data.datasets.reader import Dataset
from groot_ros.data.datasets.video import psnr_db
from groot_ros.data.review.validate import validate
from groot_ros.errors import UserError
from groot_ros.model.inference.loaded import Groot
from groot_ros.training.checkpoints import checkpoints
from groot_ros.training.config import make_config
from groot_ros.training.data.frames import VideoReader
from groot_ros.training.open_loop import compare
from groot_ros.training.preparation import prepare_training
from groot_ros.training.run import train

NAMES = [f"{joint}.pos" for joint in JOINTS]
FLAVOURS = {
    "v2.1": Flavour(names=NAMES),
    "v2.1 named by a word": Flavour(names={"motors": NAMES}),
    "v2.1 pictures in the tables": Flavour(names=NAMES, stills=True),
    "v3": Flavour(names=NAMES, v3=True),
    "v3 pictures in the tables": Flavour(names=NAMES, v3=True, stills=True),
}


@pytest.fixture(scope="module", params=FLAVOURS)
def foreign(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return lerobot.write(tmp_path_factory.mktemp("foreign") / "so101", FLAVOURS[request.param])


def draft(dataset: Path, folder: Path) -> str:
    path = folder / "so101.yaml"
    command = ["codec", "draft", "--dataset", str(dataset), "--robot", "so101"]
    assert main([*command, "--output", str(path)]) == 0
    return str(path)


def test_a_matroska_file_whose_shape_begins_with_the_channels_is_valid(tmp_path: Path) -> None:
    """Its times are whole milliseconds, which a frame's is not."""
    dataset = lerobot.write(tmp_path / "so101", FLAVOURS["v2.1"])
    for path in list((dataset / "videos").rglob("*.mp4")):
        with av.open(str(path)) as source, av.open(str(path.with_suffix(".mkv")), "w") as out:
            stream = out.add_stream_from_template(source.streams.video[0])
            for packet in source.demux(video=0):
                if packet.dts is not None:
                    packet.stream = stream
                    out.mux(packet)
        path.unlink()
    info = json.loads((file := dataset / "meta" / "info.json").read_text())
    info["video_path"] = info["video_path"].replace(".mp4", ".mkv")
    height, width = lerobot.SIZE
    names = ["channel", "height", "width"]
    info["features"][lerobot.CAMERA] |= {"shape": [3, height, width], "names": names}
    file.write_text(json.dumps(info))
    assert validate(dataset).problems == []
    clip, reader = Dataset(dataset).episodes[1].pictures[lerobot.CAMERA], VideoReader()
    for frame in (30, 3, 17):
        np.testing.assert_array_equal(reader.frame(clip, frame), clip.picture(frame))
        assert psnr_db(clip.picture(frame), lerobot.picture(1, frame)) > 35


def test_its_rows_and_pictures_are_those_that_were_written(foreign: Path) -> None:
    dataset = Dataset(foreign)
    assert [episode.length for episode in dataset.episodes] == list(LENGTHS)
    assert dataset.names("action") == NAMES
    for episode in dataset.episodes:
        rows = dataset.columns(episode)
        np.testing.assert_array_equal(rows["observation.state"], lerobot.joints(episode.index))
        pictures = list(episode.pictures[lerobot.CAMERA])
        assert len(pictures) == episode.length
        for frame in (0, 7, episode.length - 1):
            expected = lerobot.picture(episode.index, frame)
            assert psnr_db(pictures[frame], expected) > 35
            found = episode.pictures[lerobot.CAMERA].picture(frame)
            np.testing.assert_array_equal(found, pictures[frame])


def test_it_trains_with_a_drafted_codec(foreign: Path, tmp_path: Path) -> None:
    codec = draft(foreign, tmp_path)
    given = options(foreign, tmp_path / "runs", "a", modality_config=codec)
    prepared = prepare_training(make_config(given))
    table = prepared.parts[0].table
    state = np.concatenate([lerobot.joints(index) for index in range(2)])
    np.testing.assert_allclose(table.state["joint_position"], state[:, :5])
    np.testing.assert_allclose(table.action["gripper"], state[:, 5:] + 1.0)
    assert table.task == (TASKS[0],) * LENGTHS[0] + (TASKS[1],) * LENGTHS[1]
    [statistics] = prepared.statistics.values()
    assert statistics["state"]["joint_position"]["max"] == pytest.approx(state[:, :5].max(0))


def test_the_checkpoint_carries_the_codec_and_can_be_compared(tmp_path: Path) -> None:
    dataset = lerobot.write(tmp_path / "so101", FLAVOURS["v3"])
    given = options(dataset, tmp_path, "a", modality_config=draft(dataset, tmp_path))
    checkpoint = train(make_config(given))
    model = Groot.load(checkpoint)
    assert model.metadata["codec"] == "so101" and model.metadata["action_rate_hz"] == 15
    state = model.metadata["codec_file"]["state"]
    assert state["joint_position"] == {"signal": "joint_position", "unit": "deg"}
    assert state["gripper"]["affine"] == {"scale": 100.0, "offset": 0.0}
    assert compare(checkpoint, dataset, chunks=2).predicted["joint_position"].shape == (2, 16, 5)
    command = ["evaluate", "--checkpoint", str(checkpoint), "--dataset", str(dataset)]
    assert main([*command, "--open-loop"]) == 0


def test_a_codec_that_reads_less_is_trained_with_less(tmp_path: Path) -> None:
    dataset = lerobot.write(tmp_path / "so101", FLAVOURS["v2.1"])
    path = Path(draft(dataset, tmp_path))
    lines = path.read_text().split("\n")
    state = lines.index("state:")
    kept = [line for line in lines[: state + 3] if "gripper" not in line] + lines[state + 3 :]
    path.write_text("\n".join(kept))
    given = options(dataset, tmp_path, "a", modality_config=str(path))
    table = prepare_training(make_config(given)).parts[0].table
    assert list(table.state) == ["joint_position"]
    assert list(table.action) == ["joint_position", "gripper"]


def test_without_a_codec_the_sentence_says_how_to_draft_one(tmp_path: Path) -> None:
    dataset = lerobot.write(tmp_path / "so101", FLAVOURS["v2.1"])
    for config in ("", "joints", "ee_rot6d_q_rel"):
        given = options(dataset, tmp_path, "a", modality_config=config)
        with pytest.raises(UserError, match=f"codec draft --dataset {dataset} --output mine.yaml"):
            prepare_training(make_config(given))


def test_the_codec_that_a_dataset_carries_needs_no_name(dataset: Path, tmp_path: Path) -> None:
    prepared = prepare_training(make_config(options(dataset, tmp_path, "a", modality_config="")))
    assert prepared.metadata["variant"] == "ee_rot6d_joints"
    (copy := tmp_path / "copy").mkdir()
    for part in dataset.iterdir():
        (copy / part.name).symlink_to(part)
    (copy / "meta").unlink()
    (copy / "meta").mkdir()
    for part in (dataset / "meta").iterdir():
        if part.name != "groot_ros.json":
            (copy / "meta" / part.name).symlink_to(part)
    prepared = prepare_training(make_config(options(copy, tmp_path, "a", modality_config="")))
    assert prepared.metadata["variant"] == "ee_rot6d_joints"
    assert "joints" not in prepared.metadata


def test_files_that_lie_elsewhere_are_named(tmp_path: Path) -> None:
    dataset = lerobot.write(tmp_path / "so101", FLAVOURS["v2.1 pictures in the tables"])
    path = Dataset(dataset).episodes[0].data
    rows = pq.read_table(path).to_pylist()
    for row in rows:
        row[lerobot.CAMERA]["bytes"] = None
    pq.write_table(pa.Table.from_pylist(rows), path)
    with pytest.raises(UserError, match="names files elsewhere, expected pictures in the table"):
        next(iter(Dataset(dataset).episodes[0].pictures[lerobot.CAMERA]))


@pytest.mark.parametrize(
    ("given", "resumed"), [("--resume=True", True), ("--resume=False", False)]
)
def test_switches_take_a_word_too(
    given: str, resumed: bool, dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["train", *(f"--{n}={v}" for n, v in options(dataset, tmp_path, "a").items())]
    assert main([*command, "--num_train_steps=1", given]) == (2 if resumed else 0)
    if resumed:
        assert "has no checkpoint to resume from" in capsys.readouterr().err


def test_a_finished_run_goes_on_for_more_steps(dataset: Path, tmp_path: Path) -> None:
    given = options(dataset, tmp_path, "a", num_train_steps=2)
    train(make_config(given))
    train(make_config({**given, "num_train_steps": 4, "resume": True}))
    assert [folder.name for folder in checkpoints(tmp_path / "a")][-1] == "checkpoint-4"
    with pytest.raises(UserError, match=r"has 4 steps already, num_train_steps is 3: .* least 4"):
        train(make_config({**given, "num_train_steps": 3, "resume": True}))


def test_weights_of_a_run_go_on_to_another_dataset(dataset: Path, tmp_path: Path) -> None:
    train(make_config(options(dataset, tmp_path, "a", num_train_steps=2, ema_decay=0.0)))
    given = options(dataset, tmp_path, "b", init_from=str(tmp_path / "a"), bf16=False)
    del given["base_model"]
    first = prepare_training(make_config(given)).network.state_dict()
    trained = load_file(tmp_path / "a" / "checkpoint-2" / "model.safetensors")
    assert all((first[name] == value).all() for name, value in trained.items())
    with pytest.raises(UserError, match="are both where the weights come from"):
        make_config({**given, "base_model": "tiny"})
