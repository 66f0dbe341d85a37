"""`report.html` of a dataset: one page without anything outside of it."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from html import escape
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from groot_ros.data.datasets.reader import Dataset, EpisodeFiles
from groot_ros.data.datasets.writer import ACTION, STATE
from groot_ros.data.review.inspection import describe_dataset
from groot_ros.data.review.report_svg import histogram, timeline
from groot_ros.data.review.training_warnings import training_warnings

REPORT = "report.html"
# A page with more pictures than this is slow to open.
SHOWN_EPISODES = 200
THUMBNAIL_PX = 112

STYLE = """
body { font: 14px/1.4 system-ui, sans-serif; margin: 2em auto; max-width: 70em; color: #222 }
h2 { border-bottom: 1px solid #ccc; margin-top: 2em } table { border-collapse: collapse }
td, th { padding: 2px 10px 2px 0; text-align: left; vertical-align: top }
.warning { background: #fff3cd; padding: 4px 8px; margin: 4px 0 }
.columns { display: flex; flex-wrap: wrap; gap: 12px } figure { margin: 0 }
figcaption, .small { font-size: 12px; color: #555 } svg { display: block }
"""


def write_report(dataset: Dataset) -> None:
    """Write the report into the dataset's folder."""
    rows = [dataset.columns(episode) for episode in dataset.episodes]
    parts = [
        f"<h1>{escape(dataset.path.name)}</h1>",
        _summary(describe_dataset(dataset.path)),
        _warnings(training_warnings(dataset, rows)),
        _histograms(dataset, rows),
        _episodes(dataset),
    ]
    page = f"<meta charset='utf-8'><title>dataset</title><style>{STYLE}</style>"
    path = dataset.path / REPORT
    path.write_text(f"<!doctype html><html lang='en'>{page}<body>{''.join(parts)}</body></html>")


def _table(rows: Sequence[tuple[str, Any]]) -> str:
    cells = (f"<tr><th>{escape(k)}</th><td>{escape(str(v))}</td></tr>" for k, v in rows)
    return f"<table>{''.join(cells)}</table>"


def _summary(report: dict[str, Any]) -> str:
    rows: list[tuple[str, Any]] = [
        ("episodes", report["episodes"]),
        ("frames", f"{report['frames']} at {report['fps']:g} Hz, {report['duration_s']:.1f} s"),
        ("robot", report["robot"]),
        ("codec", f"{report['codec']} (variant {report['variant']})"),
        *((f"task {task!r}", f"{count} episodes") for task, count in report["tasks"].items()),
        *((f"dropped: {why}", f"{count} steps") for why, count in report["dropped"].items()),
        *(("left out", reason) for reason in report["left_out"]),
    ]
    return _table(rows)


def _warnings(sentences: Sequence[str]) -> str:
    if not sentences:
        return "<h2>Warnings</h2><p>none</p>"
    found = "".join(f"<div class='warning'>{escape(sentence)}</div>" for sentence in sentences)
    return f"<h2>Warnings</h2>{found}"


def _histograms(dataset: Dataset, rows: Sequence[dict[str, NDArray[Any]]]) -> str:
    parts = []
    for column in (STATE, ACTION):
        values = np.concatenate([columns[column] for columns in rows])
        names = dataset.info["features"][column]["names"]
        figures = (
            f"<figure>{histogram(values[:, index])}<figcaption>{escape(name)}: "
            f"{values[:, index].min():.3g} to {values[:, index].max():.3g}</figcaption></figure>"
            for index, name in enumerate(names)
        )
        parts.append(f"<h2>{column}</h2><div class='columns'>{''.join(figures)}</div>")
    return "".join(parts)


def _episodes(dataset: Dataset) -> str:
    own = dataset.own
    parts = ["<h2>Episodes</h2>"]
    if len(own["sources"]) > SHOWN_EPISODES:
        parts.append(f"<p>The first {SHOWN_EPISODES} of {len(own['sources'])} are shown.</p>")
    for number, source in enumerate(own["sources"][:SHOWN_EPISODES]):
        mine = [e["episode_index"] for e in own["episodes"] if e["source"] == number]
        episodes = [dataset.episodes[index] for index in mine]
        parts.append(_episode(dataset, source, episodes))
    return "".join(parts)


def _episode(dataset: Dataset, source: dict[str, Any], episodes: Sequence[EpisodeFiles]) -> str:
    dropped = "; ".join(_loss(loss) for loss in source.get("losses", [])) or "none"
    numbers = ", ".join(str(episode.index) for episode in episodes)
    text = (
        f"{source['instruction']!r}, {source['outcome'] or 'outcome unknown'}, "
        f"{source['duration_s']:.1f} s, episodes {numbers} of the dataset; dropped: {dropped}; "
        f"repeated pictures: {source['duplicates']}"
    )
    text += "".join(f"; {note}" for note in source.get("notes", []))
    pictures = "".join(_pictures(dataset, episode) for episode in episodes)
    return (
        f"<h3>{escape(source['name'])}</h3><p class='small'>{escape(text)}</p>"
        f"{timeline(source, dataset.fps)}{_health(source)}<div class='columns'>{pictures}</div>"
    )


def _loss(loss: dict[str, Any]) -> str:
    topic = f" [{loss['topic']}]" if loss["topic"] else ""
    return (
        f"{loss['steps']} from {loss['first_s']:.1f} to {loss['last_s']:.1f} s, "
        f"{loss['reason']}{topic}"
    )


def _health(source: dict[str, Any]) -> str:
    head = "".join(
        f"<th>{name}</th>"
        for name in ("topic", "messages", "Hz", "longest gap s", "latency s", "unstamped", "back")
    )
    keys = ("messages", "rate_hz", "longest_gap_s", "latency_s", "unstamped", "backwards")
    rows = "".join(
        f"<tr><td>{escape(topic)}</td>" + "".join(f"<td>{health[k]}</td>" for k in keys) + "</tr>"
        for topic, health in source["health"].items()
    )
    return f"<table class='small'><tr>{head}</tr>{rows}</table>"


def _pictures(dataset: Dataset, episode: EpisodeFiles) -> str:
    figures = []
    for column, clip in episode.videos.items():
        for name, index in (("first", 0), ("middle", episode.length // 2), ("last", -1)):
            frame = index % episode.length
            image = _inline(clip.picture(frame))
            label = f"{column.rsplit('.', 1)[-1]}, {name}"
            figures.append(f"<figure>{image}<figcaption>{escape(label)}</figcaption></figure>")
    return "".join(figures)


def _inline(picture: NDArray[np.uint8]) -> str:
    size = (THUMBNAIL_PX, round(THUMBNAIL_PX * picture.shape[0] / picture.shape[1]))
    small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    data = cv2.imencode(".jpg", cv2.cvtColor(small, cv2.COLOR_RGB2BGR))[1].tobytes()
    return f"<img alt='' src='data:image/jpeg;base64,{base64.b64encode(data).decode()}'>"
