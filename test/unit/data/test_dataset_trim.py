"""Trimmed episodes: rows and pictures are those that were there, and still those of the bag."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest
from arm_bags import ArmBag, conversion, write_bag

from groot_ros.data.conversion.bag_edits import read_bag_edits
from groot_ros.data.conversion.convert import convert
from groot_ros.data.conversion.verify import verify
from groot_ros.data.datasets.edits import EDITS, Edit, EditEntry, EditStore
from groot_ros.data.datasets.reader import Dataset
from groot_ros.data.datasets.video import psnr_db
from groot_ros.data.datasets.writer import ACTION, STAMP, STATE
from groot_ros.data.editing.operations import Target, apply, change
from groot_ros.data.editing.trim import by_movement, by_time
from groot_ros.data.playback.episode_choice import EpisodeChoice
from groot_ros.data.playback.losses import LEFT_OUT
from groot_ros.data.review.validate import validate
from groot_ros.errors import UserError

CODEC = "ee_quat_joints"
FPS = 15


def moving(time_s: float) -> float:
    """Still for the first 1.2 s and the last 1 s of 4 s."""
    return float(np.clip(time_s - 1.2, 0.0, 1.8))


@pytest.fixture(scope="module")
def bag(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bags")
    return write_bag(folder / "demo", ArmBag(seconds=4.0, motion=moving).messages())


@pytest.fixture(scope="module", params=["gr00t", "lerobot-v3"])
def dataset(request: pytest.FixtureRequest, bag: Path) -> Path:
    output = bag.parent / request.param
    convert(conversion(bag, output, format=request.param))
    return output


def packets(video: Path) -> list[bytes]:
    with av.open(str(video)) as container:
        return [bytes(packet) for packet in container.demux(video=0) if packet.pts is not None]


@pytest.mark.parametrize(("start", "end"), [(4, 30), (5, 31), (0, 20)])
def test_what_is_kept_is_what_was_there(
    tmp_path: Path, bag: Path, dataset: Path, start: int, end: int
) -> None:
    output = tmp_path / "trimmed"
    change(dataset, lambda _: {0: Edit(start=start, end=end)}, Target(output=output))
    before, after = Dataset(dataset), Dataset(output)
    [old], [new] = before.episodes, after.episodes
    was, now = before.columns(old), after.columns(new)
    for name in (STATE, ACTION, STAMP):
        assert np.array_equal(now[name], was[name][start:end])
    for column, clip in new.videos.items():
        pictures = list(clip)
        expected = list(old.videos[column])[start:end]
        assert len(pictures) == end - start
        for shown, there in zip(pictures, expected, strict=True):
            assert psnr_db(shown, there) > 40
        # A group of pictures begins every four frames.
        if start % 4 == 0:
            assert packets(clip.path) == packets(old.videos[column].path)[start:end]
    assert validate(output).problems == []
    found = verify(bag, "sim", CODEC, output)
    assert found.is_equal and found.rows == end - start
    [source] = after.own["sources"]
    assert source["dropped"] == {LEFT_OUT: len(was[STATE]) - (end - start)}
    [loss] = source["losses"]
    assert loss["steps"] == source["dropped"][LEFT_OUT]
    assert loss["first_s"] < loss["last_s"]


def test_trimming_twice_counts_what_was_left_out(tmp_path: Path, dataset: Path) -> None:
    output = tmp_path / "trimmed"
    length = Dataset(dataset).episodes[0].length
    change(dataset, lambda _: {0: Edit(start=4)}, Target(output=output))
    change(output, lambda _: {0: Edit(start=4, end=30)}, Target())
    [source] = Dataset(output).own["sources"]
    assert source["dropped"] == {LEFT_OUT: length - 26}
    [loss] = source["losses"]
    assert loss["steps"] == length - 26


def test_movement_is_kept_as_a_conversion_keeps_it(
    tmp_path: Path, bag: Path, dataset: Path
) -> None:
    found = Dataset(dataset)
    [edit] = by_movement(found, found.episodes)
    times_s = (found.columns(found.episodes[0])[STAMP] - 1_700_000_000 * 10**9) / 1e9
    assert edit.start is not None and edit.end is not None
    # 0.3 s beside the movement, which begins at 1.2 s and ends at 3 s.
    assert times_s[edit.start] == pytest.approx(0.9, abs=2.1 / FPS)
    assert times_s[edit.end - 1] == pytest.approx(3.3, abs=2.1 / FPS)
    convert(conversion(bag, tmp_path / "out", trim_idle=True))
    [converted] = Dataset(tmp_path / "out").episodes
    assert abs(converted.length - (edit.end - edit.start)) <= 4


def test_times_count_from_the_beginning_of_an_episode(dataset: Path) -> None:
    found = Dataset(dataset)
    [edit] = by_time(found, found.episodes, 0.2, 2.0)
    assert edit == Edit(start=3, end=30)
    [whole_end] = by_time(found, found.episodes, 0.2, 100.0)
    assert whole_end == Edit(start=3, end=found.episodes[0].length)
    with pytest.raises(UserError, match="episode 0 .* nothing of it would be left"):
        by_time(found, found.episodes, 100.0, None)


def test_an_episode_shorter_than_a_chunk_is_left_out(tmp_path: Path, dataset: Path) -> None:
    with pytest.raises(UserError, match="no episode would be left"):
        change(dataset, lambda _: {0: Edit(end=15)}, Target(output=tmp_path / "out"))
    assert not list(tmp_path.iterdir())


def test_an_edit_list_is_carried_out_once(tmp_path: Path, bag: Path) -> None:
    output = tmp_path / "set"
    convert(conversion(bag, output))
    length = Dataset(output).episodes[0].length
    EditStore(output).write("0", Edit(start=8, success=True, instruction="push it"), 0)
    with pytest.raises(UserError, match="holds edits that would be lost"):
        change(output, lambda _: {0: Edit(start=4)}, Target())
    assert apply(output, None, Target(dry_run=True)).frames == length - 8
    made = apply(output, output / EDITS, Target())
    assert (made.episodes, made.frames) == (1, length - 8)
    found = Dataset(output)
    assert found.tasks == {0: "push it"}
    assert found.own["sources"][0]["instruction"] == "push it"
    assert found.own["sources"][0]["outcome"] == "success"
    reward = found.columns(found.episodes[0])["next.reward"]
    assert reward[-1] == 1 and not reward[:-1].any()
    assert validate(output).problems == []
    with pytest.raises(UserError, match="there is no edit list"):
        apply(output, None, Target())


def test_edits_of_what_is_not_there_are_named(tmp_path: Path, dataset: Path) -> None:
    path = tmp_path / "edits.json"
    for entry, sentence in (
        ({"7": {"discard": True}}, "has no episode 7"),
        ({"0": {"end": 1000}}, "keep frames 0 to 1000 of episode 0"),
        ({"demo": {"discard": True}}, "names 'demo', expected indices"),
        ({}, "holds no edits"),
    ):
        path.write_text(json.dumps({"format": 1, "episodes": entry}))
        with pytest.raises(UserError, match=sentence):
            apply(dataset, path, Target(output=tmp_path / "out"))
    assert [p.name for p in tmp_path.iterdir()] == ["edits.json"]


def comparable(dataset: Path) -> dict[str, object]:
    """What of a dataset is the same however its edits were carried out.

    Pictures of trimmed episodes are encoded again, and repeated ones are counted while a bag is
    read.
    """
    found = Dataset(dataset)
    own = json.loads(json.dumps(found.own))
    for source in own["sources"]:
        del source["duplicates"]
    meta = {
        path.name: path.read_bytes()
        for path in (dataset / "meta").iterdir()
        if path.suffix in (".json", ".jsonl") and path.name not in ("groot_ros.json", PICTURES)
    }
    rows = {episode.data.name: episode.data.read_bytes() for episode in found.episodes}
    return {"own": own, "meta": meta, "rows": rows}


PICTURES = "episodes_stats.jsonl"


def test_edits_of_a_dataset_and_of_its_bags_make_the_same(tmp_path: Path, bag: Path) -> None:
    for name in "abc":
        write_bag(tmp_path / "bags" / name, ArmBag(seconds=2.5).messages())
    dataset, again = tmp_path / "set", tmp_path / "again"
    convert(conversion(tmp_path / "bags", dataset))
    store = EditStore(dataset)
    store.write("0", Edit(start=5, end=30, success=True), 0)
    store.write("1", Edit(discard=True), 0)
    store.write("2", Edit(instruction="push it", success=False), 0)
    edits = read_bag_edits(store.path)
    report = convert(conversion(tmp_path / "bags", again, edits=edits))
    assert report.discarded == ["b"] and report.exit_code == 0
    apply(dataset, None, Target())
    assert comparable(dataset) == comparable(again)
    assert validate(again).problems == []
    # What was discarded does not come back.
    report = convert(conversion(tmp_path / "bags", again, append=True))
    assert [Path(known).name for known in report.known] == ["a", "b", "c"]


def test_edits_by_names_of_bags(tmp_path: Path, bag: Path) -> None:
    path = tmp_path / "edits.json"
    entries = {"demo": {"instruction": "fold it", "start": 15, "end": 45}}
    path.write_text(json.dumps({"format": 1, "episodes": entries}))
    usual = conversion(bag, tmp_path / "out", edits=read_bag_edits(path))
    # The instruction may be missing in the bag.
    convert(replace(usual, choice=EpisodeChoice()))
    found = Dataset(tmp_path / "out")
    [episode] = found.episodes
    times_s = (found.columns(episode)[STAMP] - 1_700_000_000 * 10**9) / 1e9
    assert times_s[0] == pytest.approx(1.0, abs=1.5 / FPS)
    assert times_s[-1] == pytest.approx(3.0, abs=1.5 / FPS)
    assert episode.tasks == ("fold it",)
    path.write_text(json.dumps({"format": 1, "episodes": {"dmeo": {"discard": True}}}))
    with pytest.raises(UserError, match="names the episode 'dmeo', which is in none of the bags"):
        convert(conversion(bag, tmp_path / "other", edits=read_bag_edits(path)))
    path.write_text(json.dumps({"format": 1, "episodes": {"demo": {"discard": True}}}))
    with pytest.raises(UserError, match="no episode could be converted: nothing is left"):
        convert(conversion(bag, tmp_path / "other", edits=read_bag_edits(path)))


def test_appending_keeps_edits_that_wait(tmp_path: Path) -> None:
    for day, name in (("monday", "a"), ("tuesday", "b")):
        write_bag(tmp_path / day / name, ArmBag(seconds=1.6).messages())
    dataset = tmp_path / "set"
    convert(conversion(tmp_path / "monday", dataset))
    EditStore(dataset).write("0", Edit(success=True), 0)
    convert(conversion(tmp_path / "tuesday", dataset, append=True))
    assert EditStore(dataset).read().episodes == {"0": EditEntry(Edit(success=True), 1)}
    assert apply(dataset, None, Target()).episodes == 2
