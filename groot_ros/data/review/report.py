"""`report.html` of a dataset: one page, with nothing outside of it but the films beside it."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from html import escape
from typing import Any
from urllib.parse import quote

import cv2
import numpy as np
from numpy.typing import NDArray

from groot_ros.data.datasets.clips import Clip
from groot_ros.data.datasets.reader import Dataset, EpisodeFiles
from groot_ros.data.datasets.writer import ACTION, STATE
from groot_ros.data.review.card import dataset_facts
from groot_ros.data.review.inspection import describe_dataset
from groot_ros.data.review.report_svg import histogram, legend, timeline
from groot_ros.data.review.training_warnings import training_warnings

REPORT = "report.html"
# A page with more pictures than this is slow to open.
SHOWN_EPISODES = 100
THUMBNAIL_PX, POSTER_PX = 112, 220
JPEG_QUALITY = 80

# The colours of the page of `groot-ros view`, of which this is the summary.
STYLE = """
:root { color-scheme: light dark; --paper: #fff; --panel: #f4f5f7; --ink: #1d2126;
  --quiet: #57606a; --edge: #d5d9de; --accent: #0b63c5; --doubt-fill: #ffe7b3; --full: #3f9d57;
  --thin: #d98a00; --silent: #c9302c }
@media (prefers-color-scheme: dark) { :root { --paper: #14171b; --panel: #1e2329; --ink: #e6e9ed;
  --quiet: #a0a9b4; --edge: #363d46; --accent: #6cb1ff; --doubt-fill: #4a3a12; --full: #46a862;
  --thin: #e0a030; --silent: #ff6b60 } }
body { font: 14px/1.45 system-ui, sans-serif; margin: 2em auto; padding: 0 16px; max-width: 72em;
  background: var(--paper); color: var(--ink) }
h2 { border-bottom: 1px solid var(--edge); margin-top: 2em } h3 { margin: 1.6em 0 0 }
h1, h3, td { overflow-wrap: anywhere }
table { border-collapse: collapse } a { color: var(--accent) }
td, th { padding: 2px 12px 2px 0; text-align: left; vertical-align: top }
td { font-variant-numeric: tabular-nums }
.warning { background: var(--doubt-fill); padding: 4px 8px; margin: 4px 0; border-radius: 4px }
.columns { display: flex; flex-wrap: wrap; gap: 12px; align-items: flex-end } figure { margin: 0 }
figcaption, .small { font-size: 12px; color: var(--quiet) }
.wide { overflow-x: auto } .wide td { overflow-wrap: normal }
svg { display: block } svg text { fill: var(--ink) }
.full, .frames, .thin, .silent { fill: var(--full) } .frames { fill: var(--accent) }
.thin { fill: var(--thin) } .silent { fill: var(--silent) }
.nothing { fill: none; stroke: var(--edge) }
video, img { background: #000; border-radius: 3px; display: block; max-width: 100% }
.legend { display: flex; flex-wrap: wrap; gap: 4px 16px } .legend svg { display: inline-block }
"""


def write_report(dataset: Dataset, title: str) -> None:
    """Write the report into the dataset's folder, which may get its name only afterwards."""
    rows = [dataset.columns(episode) for episode in dataset.episodes]
    parts = [
        f"<h1>{escape(title)}</h1>",
        _summary(describe_dataset(dataset)) if dataset.own else _table(dataset_facts(dataset)),
        _warnings(training_warnings(dataset, rows)),
        _histograms(dataset, rows),
        _sources(dataset) if dataset.own else _episodes(dataset),
    ]
    head = (
        "<meta charset='utf-8'><meta name='viewport' content='width=device-width, "
        "initial-scale=1'><meta name='color-scheme' content='light dark'>"
        f"<title>{escape(title)}</title><style>{STYLE}</style>"
    )
    path = dataset.path / REPORT
    path.write_text(
        f"<!doctype html><html lang='en'><head>{head}</head><body>{''.join(parts)}</body></html>"
    )


def _table(rows: Sequence[tuple[str, Any]]) -> str:
    cells = (f"<tr><th>{escape(k)}</th><td>{escape(str(v))}</td></tr>" for k, v in rows)
    return f"<table>{''.join(cells)}</table>"


def _summary(report: dict[str, Any]) -> str:
    rows: list[tuple[str, Any]] = [
        ("episodes", report["episodes"]),
        ("frames", f"{report['frames']} at {report['fps']:g} Hz, {report['duration_s']:.1f} s"),
        ("robot", report["robot"]),
        ("codec", f"{report['codec']} (variant {report['variant']})"),
        *((f"task ({n} of {report['episodes']})", task) for task, n in report["tasks"].items()),
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
        names = dataset.names(column)
        figures = (
            f"<figure>{histogram(values[:, index])}<figcaption>{escape(name)}: "
            f"{values[:, index].min():.3g} to {values[:, index].max():.3g}</figcaption></figure>"
            for index, name in enumerate(names)
        )
        parts.append(f"<h2>{column}</h2><div class='columns'>{''.join(figures)}</div>")
    return "".join(parts)


def _episodes(dataset: Dataset) -> str:
    """Those of another maker, of which nothing but rows and films is known."""
    parts = ["<h2>Episodes</h2>"]
    if len(dataset.episodes) > SHOWN_EPISODES:
        parts.append(_first_of(len(dataset.episodes)))
    for episode in dataset.episodes[:SHOWN_EPISODES]:
        text = f"“{'”, “'.join(episode.tasks)}”, {episode.length / dataset.fps:.1f} s"
        parts.append(
            f"<h3>episode {episode.index}</h3><p class='small'>{escape(text)}</p>"
            f"<div class='columns'>{_pictures(dataset, episode)}</div>"
        )
    return "".join(parts)


def _first_of(count: int) -> str:
    return (
        f"<p>The first {SHOWN_EPISODES} of {count} are shown; all of them by "
        "<code>groot-ros view</code>.</p>"
    )


def _sources(dataset: Dataset) -> str:
    own = dataset.own
    parts = ["<h2>Episodes</h2>", legend()]
    if len(own["sources"]) > SHOWN_EPISODES:
        parts.append(_first_of(len(own["sources"])))
    for number, source in enumerate(own["sources"][:SHOWN_EPISODES]):
        mine = [e["episode_index"] for e in own["episodes"] if e["source"] == number]
        episodes = [dataset.episodes[index] for index in mine]
        parts.append(_episode(dataset, source, episodes))
    return "".join(parts)


def _episode(dataset: Dataset, source: dict[str, Any], episodes: Sequence[EpisodeFiles]) -> str:
    dropped = "; ".join(_loss(loss) for loss in source.get("losses", [])) or "none"
    numbers = ", ".join(str(episode.index) for episode in episodes)
    text = (
        f"“{source['instruction']}”, {source['outcome'] or 'outcome unknown'}, "
        f"{source['duration_s']:.1f} s, episode {numbers or 'none'} of the dataset; "
        f"dropped: {dropped}; repeated pictures: {source['duplicates']}"
    )
    text += "".join(f"; {note}" for note in source.get("notes", []))
    pictures = "".join(_pictures(dataset, episode) for episode in episodes)
    return (
        f"<h3>{escape(source['name'])}</h3><p class='small'>{escape(text)}</p>"
        f"<div class='wide'>{timeline(source, dataset.fps)}{_health(source)}</div>"
        f"<div class='columns'>{pictures}</div>"
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
        f"<tr><td>{escape(topic)}</td>" + "".join(_cell(health[key]) for key in keys) + "</tr>"
        for topic, health in source["health"].items()
    )
    return f"<table class='small'><tr>{head}</tr>{rows}</table>"


def _cell(value: Any) -> str:
    return f"<td>{'–' if value is None else value}</td>"


def _pictures(dataset: Dataset, episode: EpisodeFiles) -> str:
    """A film of each camera, where it lies beside the report, and its first and last picture."""
    figures = []
    for column, clip in episode.videos.items():
        camera = column.rsplit(".", 1)[-1]
        film = f"{quote(str(clip.path.relative_to(dataset.path)))}{_part(clip)}"
        frames = (0, episode.length // 2, episode.length - 1)
        first, middle, last = clip.chosen(frames)
        poster = _inline(middle, POSTER_PX)
        video = (
            f"<video controls muted preload='none' width='{POSTER_PX}' poster='{poster}' "
            f"src='{film}'></video>"
        )
        figures.append(_figure(video, f"{camera}, episode {episode.index}"))
        for name, found in (("first", first), ("last", last)):
            picture = _inline(found, THUMBNAIL_PX)
            figures.append(_figure(f"<img alt='' src='{picture}'>", f"{camera}, {name}"))
    for column, stills in episode.stills.items():
        picture = _inline(stills.picture(episode.length // 2), POSTER_PX)
        figures.append(_figure(f"<img alt='' src='{picture}'>", column.rsplit(".", 1)[-1]))
    return "".join(figures)


def _part(clip: Clip) -> str:
    """The fragment of an address that names a part of a film, for files of several episodes."""
    first_s = clip.first / clip.fps
    return f"#t={first_s:.3f},{first_s + clip.frames / clip.fps:.3f}"


def _figure(content: str, label: str) -> str:
    return f"<figure>{content}<figcaption>{escape(label)}</figcaption></figure>"


def _inline(picture: NDArray[np.uint8], width: int) -> str:
    """A picture as the address of itself."""
    size = (width, max(1, round(width * picture.shape[0] / picture.shape[1])))
    small = cv2.cvtColor(
        cv2.resize(picture, size, interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2BGR
    )
    data = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])[1].tobytes()
    return f"data:image/jpeg;base64,{base64.b64encode(data).decode()}"
