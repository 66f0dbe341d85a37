"""What people are told about bags and datasets."""

from __future__ import annotations

import base64
import json
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from arm_bags import ArmBag, Message, conversion, write_bag

from groot_ros.benchmarks.convert import ConvertBenchmark
from groot_ros.cli.main import main
from groot_ros.data.conversion.convert import convert
from groot_ros.data.datasets.reader import Dataset
from groot_ros.data.datasets.video import psnr_db, read_video_info
from groot_ros.data.playback.episode_choice import EpisodeChoice
from groot_ros.data.playback.episodes import TableRow
from groot_ros.data.review.report_svg import (
    FULL,
    LEGEND,
    QUIET,
    SILENT,
    THIN,
    histogram,
    stretches,
)
from groot_ros.data.review.training_warnings import training_warnings
from groot_ros.data.review.validate import validate
from groot_ros.observation.signal_messages import FLOAT, POSE


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.images: list[str] = []
        self.tags: list[str] = []
        self.references: list[str] = []
        self.posters: list[str] = []
        self.metas: list[str] = []
        self.kinds: Counter[str] = Counter()
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        values = dict(attrs)
        if tag == "img":
            self.images.append(str(values["src"]))
        if tag == "rect":
            self.kinds[str(values["class"])] += 1
        if tag == "meta":
            self.metas.append(str(values.get("name")))
        self.posters += [str(values["poster"])] if "poster" in values else []
        self.references += [str(values[name]) for name in ("href", "src") if name in values]

    def handle_data(self, data: str) -> None:
        self.text += data


def warnings_of(output: Path) -> str:
    dataset = Dataset(output)
    rows = [dataset.columns(episode) for episode in dataset.episodes]
    return "\n".join(training_warnings(dataset, rows))


def test_report_is_one_page_with_pictures(tmp_path: Path) -> None:
    arm = ArmBag(seconds=5.0)
    kept = [m for m in arm.images() if not (m.topic[1] == "w" and 2.0 < m.arrival_s < 3.0)]
    write_bag(tmp_path / "bag <1>", [*arm.states(), *arm.commands(), *kept])
    convert(conversion(tmp_path / "bag <1>", tmp_path / "out"))
    page = _Page()
    text = (tmp_path / "out" / "report.html").read_text()
    assert "<title>out</title>" in text and "<h1>out</h1>" in text
    page.feed(text)
    films = [reference for reference in page.references if not reference.startswith("data:")]
    # Two parts, two cameras, a film and its first and last picture.
    assert len(films) == 2 * 2 and len(page.images) == 2 * 2 * 2
    for film in films:
        path, _, part = film.partition("#t=0.000,")
        assert read_video_info(tmp_path / "out" / path).times_s[-1] < float(part)
    assert not {"script", "link", "iframe"} & set(page.tags)
    assert "viewport" in page.metas and "prefers-color-scheme: dark" in page.text
    for image in [*page.images, *page.posters]:
        data = np.frombuffer(base64.b64decode(image.split(",")[1]), np.uint8)
        assert cv2.imdecode(data, cv2.IMREAD_COLOR) is not None
    assert "bag <1>" in page.text and "camera wrist: older than max_age" in page.text
    assert page.tags.count("svg") == 15 + 8 + len(LEGEND) + 1
    # The camera that paused, and what was left out for it.
    assert page.kinds["silent"] > 0 and page.kinds["full"] > 100


@pytest.mark.parametrize(
    "values",
    [
        np.zeros(5, np.float32),
        np.array([1.0, np.nextafter(np.float32(1.0), np.float32(2.0))], np.float32),
        np.array([-1e-38, 0.0, 1e-38], np.float32),
        np.linspace(-3.0, 3.0, 100, dtype=np.float32),
    ],
)
def test_histogram_of_any_spread(values: np.ndarray) -> None:
    bars = histogram(values).count("<rect")
    assert bars == 34 if np.ptp(values) > 1.0 else 1 <= bars <= 2


@pytest.mark.parametrize("rate_hz", [0.5, 2.0, 7.0, 15.0, 30.0, 500.0])
@pytest.mark.parametrize("duration_s", [4.3, 10.0, 61.0])
def test_a_steady_stream_of_any_rate_is_no_fault(rate_hz: float, duration_s: float) -> None:
    kinds = [kind for _, _, kind in stretches(health(rate_hz, duration_s), duration_s, [])]
    assert set(kinds) == {FULL}


def health(
    rate_hz: float, duration_s: float, pause: tuple[float, float] = (0, 0)
) -> dict[str, Any]:
    times_s = np.arange(0.01, duration_s, 1 / rate_hz)
    times_s = times_s[(times_s < pause[0]) | (times_s >= pause[1])]
    density = np.histogram(times_s, 40, (0.0, duration_s))[0].tolist()
    return {"density": density, "rate_hz": rate_hz}


def test_a_pause_is_a_fault_where_it_costs_steps() -> None:
    paused = health(30.0, 10.0, (4.0, 6.0))
    cut = [(0.0, 4.0), (6.0, 10.0)]
    found = {kind: (begin, end) for begin, end, kind in stretches(paused, 10.0, cut)}
    assert found.keys() == {FULL, SILENT} and found[SILENT][1] == pytest.approx(6.0)
    whole = {kind for _, _, kind in stretches(paused, 10.0, [(0.0, 10.0)])}
    assert whole == {FULL, QUIET}
    half = health(30.0, 10.0)
    half["density"][10:20] = [3] * 10
    assert {kind for _, _, kind in stretches(half, 10.0, cut)} == {FULL, THIN}


def test_single_pictures_are_found_at_random(tmp_path: Path) -> None:
    write_bag(tmp_path / "bag", ArmBag(seconds=2.0).messages())
    convert(conversion(tmp_path / "bag", tmp_path / "out"))
    [episode] = Dataset(tmp_path / "out").episodes
    clip = episode.videos["observation.images.wrist_image"]
    pictures = list(clip)
    for index in (0, 1, 5, 13, len(pictures) - 1):
        assert psnr_db(clip.picture(index), pictures[index]) == float("inf")


def test_good_recordings_give_no_warning_but_of_what_never_moves(tmp_path: Path) -> None:
    write_bag(tmp_path / "bag", ArmBag().messages())
    convert(conversion(tmp_path / "bag", tmp_path / "out"))
    found = warnings_of(tmp_path / "out").splitlines()
    # The hand of these bags keeps its height and turns about one axis only.
    constant = [line for line in found if "never changes" in line]
    assert "state ee_pose.z never changes: the model learns nothing from it" in constant
    assert [line for line in found if line not in constant] == ["and 1 more like the last one"]


def test_idle_ends_are_named(tmp_path: Path) -> None:
    arm = ArmBag(seconds=6.0, motion=lambda time_s: float(np.clip(time_s - 2.0, 0.0, 2.0)))
    write_bag(tmp_path / "bag", arm.messages())
    convert(conversion(tmp_path / "bag", tmp_path / "out"))
    found = warnings_of(tmp_path / "out")
    assert "episode 0 stands still for 2.1 s at the beginning: convert with --trim-idle" in found
    assert "s at the end" in found


def test_commands_that_are_the_state_are_named(tmp_path: Path) -> None:
    arm = ArmBag()
    echoed = [
        Message("/target_pose", POSE, m.arrival_s, m.data)
        for m in arm.states()
        if m.type_name == POSE
    ]
    grips = [m for m in arm.commands() if m.type_name == FLOAT]
    write_bag(tmp_path / "bag", [*arm.states(), *arm.images(), *echoed, *grips])
    convert(conversion(tmp_path / "bag", tmp_path / "out"))
    assert "action ee_pose equals the state: check that its topic" in warnings_of(tmp_path / "out")


def test_glitches_and_unbalanced_tasks_are_named(tmp_path: Path) -> None:
    arm = ArmBag(seconds=8.0)
    glitch = arm.maker.pose(arm.stamp_ns(1.0), arm.frame, np.array([9.0, 0, 0.3, 0, 1, 0, 0]))
    commands = [m for m in arm.commands() if m.topic != "/target_pose" or m.arrival_s != 1.0]
    commands.append(Message("/target_pose", POSE, 1.0, glitch))
    write_bag(tmp_path / "bags" / "a", [*arm.states(), *arm.images(), *commands])
    for name in "bcdef":
        write_bag(tmp_path / "bags" / name, ArmBag(seconds=1.5).messages())
    table = {name: [TableRow("pick")] for name in "abcde"} | {"f": [TableRow("reach")]}
    choice = EpisodeChoice(table=table)
    convert(conversion(tmp_path / "bags", tmp_path / "out", choice=choice))
    found = warnings_of(tmp_path / "out")
    assert "1 values of action ee_pose.x lie far outside all others" in found
    assert "5 episodes 'pick', but only 1 'reach'" in found


def test_sign_changes_of_the_quaternion_are_reported(tmp_path: Path) -> None:
    arm = ArmBag(seconds=4.0)
    messages = [*arm.commands(), *arm.images()]
    for message in arm.states():
        if message.type_name == POSE:
            # From 80 to 100 degrees of half the angle: through the border of the hemisphere.
            half = np.radians(80 + 5 * message.arrival_s)
            pose = np.array([0.4, 0, 0.3, 0.0, np.cos(half), np.sin(half), 0.0])
            data = arm.maker.pose(arm.stamp_ns(message.arrival_s), arm.frame, pose)
            message = Message(message.topic, POSE, message.arrival_s, data)
        messages.append(message)
    write_bag(tmp_path / "bag", messages)
    report = convert(conversion(tmp_path / "bag", tmp_path / "out"))
    assert [part.sign_flips for part in report.episodes[0].parts] == [1]
    sentence = "the quaternion in observation.state of episode 0 changes its sign 1 times"
    assert sentence in "\n".join(validate(tmp_path / "out").warnings)


def test_inspect_and_json_of_the_command_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bag, output = tmp_path / "bag", tmp_path / "out"
    write_bag(bag, ArmBag(seconds=2.0).messages())
    arguments = ["convert", "--bags", str(bag), "--robot", "sim", "--codec", "ee_quat", "--json"]
    arguments += ["--output", str(output), "--instruction", "pick", "--workers", "1"]
    assert main(arguments) == 0
    assert json.loads(capsys.readouterr().out)["frames"] == 30
    assert main(arguments) == 2
    assert "is never overwritten" in capsys.readouterr().err
    assert main(["inspect", str(bag), "--json", "--robot", "sim"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["topics"]["/wrist/image_raw"]["messages"] == 60 and found["problems"] == []
    assert main(["inspect", str(bag), "--robot", "ur5e"]) == 1
    assert "ee_pose: topic /tcp_pose_broadcaster/pose is not in the bag" in capsys.readouterr().out
    assert main(["inspect", str(output)]) == 0
    assert "30 frames at 15 Hz" in capsys.readouterr().out
    assert main(["validate", str(output)]) == 0
    assert "1 episodes, 30 frames, valid" in capsys.readouterr().out
    verify = ["verify", "--bag", str(bag), "--robot", "sim", "--codec", "ee_quat"]
    assert main([*verify, "--dataset", str(output)]) == 0
    assert "dataset and live observations are equal" in capsys.readouterr().out


def test_benchmark_measures_a_real_conversion() -> None:
    found = ConvertBenchmark(bags=1, seconds=2.0, workers=1).run()
    assert found["frames"] == 30
    assert found["frames_per_s"] == pytest.approx(30 / found["elapsed_s"], rel=0.02)
    assert found["realtime_factor"] == pytest.approx(2.0 / found["elapsed_s"], rel=0.02)
    assert found["times_bare"] == sorted(found["each_times_bare"])[found["repeats"] // 2]
    assert found["peak_rss_bytes"] > 5e7
