"""What a bag or a dataset holds, in short."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from groot_ros.data.bags.files import bag_files
from groot_ros.data.bags.reader import Bag, open_bag
from groot_ros.data.bags.storage import BagError
from groot_ros.data.datasets.reader import Dataset
from groot_ros.data.datasets.writer import ACTION, STATE, STATISTICS
from groot_ros.data.playback.episode_choice import EpisodeChoice
from groot_ros.data.playback.episodes import list_episodes
from groot_ros.data.playback.losses import dropped, summed
from groot_ros.data.playback.stream_trial import unreadable_labels, unreadable_streams
from groot_ros.data.playback.topics import held_label, is_reached, labelled
from groot_ros.observation.label_messages import label_types
from groot_ros.observation.named_topics import observed_topics
from groot_ros.robot.config import RobotConfig, load_robot
from groot_ros.robot.topic import absolute


def describe_bag(path: Path, robot_name: str = "") -> dict[str, Any]:
    """Topics, rates in Hz, episodes; with a robot what conversion would miss."""
    with open_bag(path) as bag:
        duration_s = bag.duration_s
        report: dict[str, Any] = {
            "bag": str(path),
            "bytes": sum(file.stat().st_size for file in bag_files(path)),
            "start_s": bag.start_ns / 1e9,
            "duration_s": round(duration_s, 3),
            "topics": {
                name: {
                    "type": " and ".join(info.counts),
                    "messages": info.count,
                    "rate_hz": round(info.count / duration_s, 2) if duration_s else None,
                    "not_read": bag.obstacle(name),
                }
                for name, info in sorted(bag.topics.items())
            },
            "flags": list(bag.info.flags) if bag.info else [],
            "episodes": [],
            "problems": list(bag.notes),
        }
        try:
            # Nothing is converted here, so an unknown instruction is no fault.
            episodes = list_episodes(bag, EpisodeChoice())
        except BagError as error:
            report["problems"].append(str(error))
        else:
            report["episodes"] = [
                {
                    "name": episode.name,
                    "instruction": episode.instruction,
                    "outcome": episode.outcome,
                    "duration_s": round(episode.duration_s, 3),
                }
                for episode in episodes
            ]
        if robot_name:
            robot = load_robot(robot_name)
            namespace = bag.info.namespace if bag.info else "/"
            report["problems"] += _missing(bag, robot, namespace)
            report["problems"] += unreadable_streams(bag, robot, namespace)
            report["problems"] += unreadable_labels(bag, robot, namespace)
    return report


def _missing(bag: Bag, robot: RobotConfig, namespace: str) -> list[str]:
    problems = list(_missing_labels(bag, robot, namespace))
    for named in observed_topics(robot):
        topic = absolute(named.topic, namespace)
        found = bag.topics.get(topic)
        if found is None:
            problems.append(f"{named.stream}: topic {topic} is not in the bag")
        elif not set(named.types) & set(found.counts):
            types = " and ".join(found.counts)
            expected = " or ".join(named.types)
            problems.append(f"{named.stream}: {named.topic} is {types}, expected {expected}")
    return problems


def _missing_labels(bag: Bag, robot: RobotConfig, namespace: str) -> Iterator[str]:
    """What codecs that learn commands would miss; of a motion one label is enough."""
    problems: dict[bool, list[str]] = {True: [], False: []}
    held: set[bool] = set()
    labels = labelled(robot)
    motions = {label.topic for spec, label in labels.items() if spec.kind.is_motion}
    for spec, label in labels.items():
        if is_reached(label):
            continue
        topic, is_motion = absolute(label.topic, namespace), label.topic in motions
        if held_label(bag, robot, spec=spec, label=label, namespace=namespace):
            held.add(is_motion)
        elif topic not in bag.topics:
            problems[is_motion].append(f"{label.key}: topic {topic} is not in the bag")
        else:
            found, kinds = " and ".join(bag.topics[topic].counts), " or ".join(label_types(label))
            yield f"{label.key}: {label.topic} is {found}, expected {kinds}"
    for is_motion, sentences in problems.items():
        if is_motion not in held:
            yield from sentences


def _shown(name: str) -> str:
    """The name of a topic on one line, whoever wrote it."""
    return name if name and name.isprintable() else repr(name)


def bag_lines(report: dict[str, Any]) -> list[str]:
    """A bag's description for a terminal."""
    lines = [
        f"bag {report['bag']}: {report['duration_s']:.1f} s, {report['bytes'] / 1e6:.1f} MB",
        "topics",
    ]
    topics = {_shown(name): topic for name, topic in report["topics"].items()}
    width = max((len(name) for name in topics), default=0)
    for name, topic in topics.items():
        rate = f"{topic['rate_hz']:.1f} Hz" if topic["rate_hz"] else ""
        skipped = f"  (not read: {topic['not_read']})" if topic["not_read"] else ""
        lines.append(
            f"  {name:<{width}}  {topic['messages']:>7}  {rate:>9}  {topic['type']}{skipped}"
        )
    lines.append("episodes")
    for episode in report["episodes"]:
        outcome = f", {episode['outcome']}" if episode["outcome"] else ""
        lines.append(
            f"  {episode['name']}: {episode['duration_s']:.1f} s, "
            f"{episode['instruction'] or 'no instruction'}{outcome}"
        )
    lines += [f"flag: {flag}" for flag in report["flags"]]
    return lines + [f"problem: {problem}" for problem in report["problems"]]


def describe_dataset(dataset: Dataset) -> dict[str, Any]:
    """Size, tasks, keys with their ranges, and where it comes from."""
    statistics = dataset.json(STATISTICS)
    tasks = Counter(task for episode in dataset.episodes for task in episode.tasks)
    own = dataset.own
    return {
        "dataset": str(dataset.path),
        "format": dataset.info["codebase_version"],
        "fps": dataset.fps,
        "episodes": len(dataset.episodes),
        "frames": sum(episode.length for episode in dataset.episodes),
        "duration_s": round(sum(e.length for e in dataset.episodes) / dataset.fps, 3),
        "tasks": dict(tasks),
        "codec": own.get("codec"),
        "variant": own.get("variant"),
        "robot": own.get("robot"),
        "relative": own.get("relative"),
        "video": {
            key: dataset.info["features"][place["original_key"]]["shape"]
            for key, place in dataset.modality["video"].items()
        },
        "state": _ranges(dataset.modality["state"], statistics[STATE]),
        "action": _ranges(dataset.modality["action"], statistics[ACTION]),
        "dropped": summed(source["dropped"] for source in own.get("sources", [])),
        "left_out": [
            f"{Path(entry['bag']).name}: {entry['reason']}" for entry in own.get("left_out", [])
        ],
    }


def _ranges(places: dict[str, Any], statistics: dict[str, Any]) -> dict[str, Any]:
    return {
        key: {
            "size": place["end"] - place["start"],
            "min": statistics["min"][place["start"] : place["end"]],
            "max": statistics["max"][place["start"] : place["end"]],
        }
        for key, place in places.items()
    }


def dataset_lines(report: dict[str, Any]) -> list[str]:
    """A dataset's description for a terminal."""
    lines = [
        f"dataset {report['dataset']}, LeRobot {report['format']}",
        f"  {report['episodes']} episodes, {report['frames']} frames at {report['fps']:g} Hz, "
        f"{report['duration_s']:.1f} s",
        f"  robot {report['robot']}, codec {report['codec']}, variant {report['variant']}",
        "tasks",
        *(f"  {count:>5} {task!r}" for task, count in report["tasks"].items()),
        "video",
        *(f"  {key} {shape[1]}x{shape[0]}" for key, shape in report["video"].items()),
    ]
    for group in ("state", "action"):
        lines.append(group)
        for key, values in report[group].items():
            low, high = (" ".join(f"{v:.3g}" for v in values[k]) for k in ("min", "max"))
            lines.append(f"  {key} {values['size']}: from {low} to {high}")
    lines += [f"  {dropped(count)}: {why}" for why, count in report["dropped"].items()]
    return lines + [f"  left out: {reason}" for reason in report["left_out"]]
