"""How soon the page of a dataset is there and how fast it seeks, in headless Chromium."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from groot_ros.benchmarks.browser import chromium, served
from groot_ros.benchmarks.convert import CODEC, FPS
from groot_ros.benchmarks.moving_arm import ROBOT, write_bag
from groot_ros.data.conversion.convert import convert
from groot_ros.data.conversion.settings import Conversion
from groot_ros.data.datasets.reader import Dataset
from groot_ros.data.datasets.writer import INFO, place, write_json, write_own, write_parquet
from groot_ros.data.playback.episode_choice import EpisodeChoice

PATIENCE_S = 300
# Seconds until the list is painted, counted by the browser since it was told the address.
LISTED = """
const done = arguments[arguments.length - 1];
const look = () => document.body.dataset.ready
  ? requestAnimationFrame(() => setTimeout(() => done(performance.now() / 1000)))
  : setTimeout(look, 2);
look();
"""
# Milliseconds from moving the slider until every film shows the frame.
SEEK = """
const [frame, done] = [arguments[0], arguments[arguments.length - 1]];
const videos = [...document.querySelectorAll('video')];
const slider = document.querySelector('#seek');
const shown = videos.map((video) => new Promise((resolve) =>
  video.addEventListener('seeked', resolve, {once: true})));
const began = performance.now();
slider.value = frame;
slider.dispatchEvent(new Event('input'));
Promise.all(shown).then(() => requestAnimationFrame(() => done(performance.now() - began)));
"""
# Milliseconds from a click on an episode until its films show the first frame.
OPEN = """
const [index, done] = [arguments[0], arguments[arguments.length - 1]];
const before = document.querySelector('video');
const began = performance.now();
document.querySelector(`#episodes li[data-index="${index}"]`).click();
const look = () => {
  const videos = [...document.querySelectorAll('video')];
  const shown = videos.every((video) => !video.seeking && video.readyState > 1);
  if (videos.length && videos[0] !== before && shown) {
    requestAnimationFrame(() => done(performance.now() - began));
  } else setTimeout(look, 2);
};
look();
"""


@dataclass(frozen=True)
class ViewBenchmark:
    """A dataset of equal episodes of two cameras, and how often it is sought in."""

    episodes: int = 1000
    frames: int = 300
    seeks: int = 50
    folder: Path | None = None
    """Where the dataset lies for the time of the measurement; a temporary folder if None."""

    def run(self) -> dict[str, Any]:
        """Make the dataset, look at it, measure; everything is deleted afterwards."""
        with TemporaryDirectory(dir=self.folder) as name:
            dataset = Path(name) / "dataset"
            self._make(Path(name), dataset)
            with served(dataset) as url, chromium(1440, 1000) as driver:
                driver.set_script_timeout(PATIENCE_S)
                return self._measure(driver, url)

    def _make(self, folder: Path, output: Path) -> None:
        """One real episode, and others with the same pictures and numbers of their own."""
        write_bag(folder / "bag", (self.frames + 1) / FPS, "jpeg")
        convert(
            Conversion(
                bags=[folder / "bag"],
                robot=ROBOT,
                codec=CODEC,
                output=output,
                fps=FPS,
                choice=EpisodeChoice(instruction="move"),
                workers=1,
            )
        )
        dataset = Dataset(output)
        repeat(dataset, self.episodes)

    def _measure(self, driver: Any, url: str) -> dict[str, Any]:
        driver.get(url)
        listed_s = driver.execute_async_script(LISTED)
        generator = np.random.default_rng(0)
        opened_ms = [
            driver.execute_async_script(OPEN, int(index))
            for index in generator.choice(np.arange(1, self.episodes), 10, replace=False)
        ]
        last = int(driver.execute_script("return Number(document.querySelector('#seek').max)"))
        frames = _distinct(generator.integers(0, last + 1, self.seeks).tolist())
        seeks_ms = [driver.execute_async_script(SEEK, frame) for frame in frames]
        return {
            "episodes": self.episodes,
            "frames_per_episode": last + 1,
            "cameras": len(
                driver.execute_script("return [...document.querySelectorAll('video')]")
            ),
            "listed_s": round(listed_s, 3),
            "open_ms": _quantiles(opened_ms),
            "seek_ms": _quantiles(seeks_ms),
            "seeks": len(seeks_ms),
            "load_average": round(os.getloadavg()[0], 2),
            "cores": os.cpu_count(),
        }


def _distinct(frames: list[int]) -> list[int]:
    """Without those that are the one before, to which nobody has to seek."""
    return [now for before, now in zip([0, *frames], frames, strict=False) if now != before]


def _quantiles(values: list[float]) -> dict[str, float]:
    names = {"median": 0.5, "p95": 0.95, "worst": 1.0}
    return {name: round(float(np.quantile(values, q)), 1) for name, q in names.items()}


def repeat(dataset: Dataset, count: int) -> None:
    """Make a dataset of v2.1 with one episode one of `count` equal ones."""
    [episode] = dataset.episodes
    rows, path = dataset.columns(episode), dataset.path
    for index in range(1, count):
        number: dict[str, Any] = {"episode_chunk": index // 1000, "episode_index": index}
        first = index * episode.length
        own = {
            "episode_index": np.full(episode.length, index, dtype=np.int64),
            "index": first + np.arange(episode.length, dtype=np.int64),
        }
        write_parquet(path / dataset.info["data_path"].format(**number), {**rows, **own})
        for column, clip in episode.videos.items():
            pattern = dataset.info["video_path"]
            place(clip.path, path / pattern.format(**number, video_key=column))
    _repeat_lists(dataset, count)


def _repeat_lists(dataset: Dataset, count: int) -> None:
    path = dataset.path
    for name in ("episodes.jsonl", "episodes_stats.jsonl"):
        line = json.loads((path / "meta" / name).read_text())
        lines = (json.dumps({**line, "episode_index": index}) for index in range(count))
        (path / "meta" / name).write_text("\n".join(lines) + "\n")
    totals = {"total_episodes": count, "total_frames": count * dataset.episodes[0].length}
    write_json(path / INFO, {**dataset.info, **totals})
    own = dict(dataset.own)
    own["sources"] = [{**own["sources"][0], "name": f"bag_{index}"} for index in range(count)]
    own["episodes"] = [
        {"episode_index": index, "source": index, "part": 0} for index in range(count)
    ]
    write_own(path, own)
