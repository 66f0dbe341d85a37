"""A dataset held against what the live node would have seen in the bag."""

from __future__ import annotations

from collections.abc import Container, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from groot_ros.codecs.catalog import find_codec
from groot_ros.codecs.codec import Codec, Timing
from groot_ros.data.bags.fingerprint import bag_fingerprint
from groot_ros.data.bags.reader import Bag, open_bag
from groot_ros.data.clocks.clocks import on_bag_clock
from groot_ros.data.datasets.reader import Dataset, EpisodeFiles
from groot_ros.data.datasets.video import psnr_db
from groot_ros.data.datasets.writer import ACTION, STAMP, STATE, video_column
from groot_ros.data.playback.episodes import Episode
from groot_ros.data.playback.labels import Labels, make_labels
from groot_ros.data.playback.replay import BagSource, make_buffer, read_signals
from groot_ros.data.playback.stream_health import StreamHealth
from groot_ros.data.playback.turns import governed, read_turns
from groot_ros.errors import UserError
from groot_ros.observation.buffer import NotReady
from groot_ros.observation.picture_watch import PictureWatch
from groot_ros.observation.types import Observation
from groot_ros.robot.config import RobotConfig, load_robot
from groot_ros.signals.signals import Signals

TOLERANCE = 1e-6


@dataclass
class Verification:
    """Largest differences between dataset and live observations, over all rows of a bag."""

    dataset: str
    bag: str
    episodes: int = 0
    rows: int = 0
    unseen: int = 0
    """Rows whose time the live path never observed."""
    different_rows: int = 0
    state_difference: float = 0.0
    action_difference: float = 0.0
    decoded_action_difference: float = 0.0
    """Between actions decoded by the codec and the signals they come from, in m and rad."""
    psnr_db: dict[str, float] = field(default_factory=dict)
    """Lowest per video key."""

    @property
    def is_equal(self) -> bool:
        """Whether there were rows, all of them were seen, and no difference is above the
        tolerance."""
        worst = max(self.state_difference, self.action_difference)
        return self.rows > 0 and not self.unseen and worst <= TOLERANCE

    @property
    def exit_code(self) -> int:
        return 0 if self.is_equal else 1


def verify(bag_path: Path, robot: str, codec_name: str, dataset_path: Path) -> Verification:
    """Replay a bag through the live observation path and compare it with a dataset's rows.

    UserError when the dataset holds nothing of the bag, or was made with another codec.
    """
    dataset = Dataset(dataset_path)
    file = find_codec(codec_name)
    codec = file.codec(load_robot(robot), Timing(file.horizon, round(1e9 / dataset.fps)))
    if dataset.own.get("codec") != codec.name:
        raise UserError(
            f"dataset {dataset_path} was made with codec {dataset.own.get('codec')}, not "
            f"{codec.name}: give that one"
        )
    with open_bag(bag_path) as bag:
        result = Verification(str(dataset_path), str(bag_path))
        for source, episodes in _of_bag(dataset, bag).items():
            _Comparison(dataset, codec, robot=load_robot(robot), bag=bag, result=result).run(
                source, episodes
            )
    return result


def _of_bag(dataset: Dataset, bag: Bag) -> dict[int, list[tuple[EpisodeFiles, Any]]]:
    """Dataset episodes that come from a bag and their parts, by the index of their source."""
    mine, known = bag_fingerprint(bag.path), dataset.own["bags"]
    paths = [path for path, entry in known.items() if entry.get("fingerprint") == mine]
    found: dict[int, list[tuple[EpisodeFiles, Any]]] = {}
    for entry in dataset.own["episodes"]:
        source = dataset.own["sources"][entry["source"]]
        if source["bag"] in paths:
            episode = dataset.episodes[entry["episode_index"]]
            found.setdefault(entry["source"], []).append((episode, source["parts"][entry["part"]]))
    if not found:
        raise UserError(
            f"dataset {dataset.path} holds no episode of bag {bag.path}: no bag that it was made "
            "of has the same fingerprint"
        )
    return found


class _Comparison:
    def __init__(
        self, dataset: Dataset, codec: Codec, robot: RobotConfig, bag: Bag, result: Verification
    ) -> None:
        self._dataset = dataset
        self._codec = codec
        self._robot = robot
        self._bag = bag
        self._result = result

    def run(self, source_index: int, episodes: list[tuple[EpisodeFiles, Any]]) -> None:
        origin = self._dataset.own["sources"][source_index]
        episode = Episode(
            bag=self._bag.path,
            name=origin["name"],
            start_ns=origin["start_ns"],
            stop_ns=origin["stop_ns"],
            instruction=origin["instruction"],
            namespace=origin["namespace"],
        )
        source = on_bag_clock(
            BagSource(self._bag, self._robot, self._codec, episode.namespace), episode
        )
        source = governed(source, read_turns(source, episode))
        signals = read_signals(source, episode)
        labels = make_labels(self._codec, signals.states, signals.commands)
        rows = [
            _Rows(self._dataset, episode, self._codec, part["first_due_ns"])
            for episode, part in episodes
        ]
        for row in rows:
            self._compare_actions(row, labels)
        stamps = {int(stamp_ns) for row in rows for stamp_ns in row.columns[STAMP]}
        for observation in live_observations(source, episode, stamps):
            for row in rows:
                row.compare(observation, self._result)
        self._result.episodes += len(rows)
        self._result.rows += sum(row.count for row in rows)
        self._result.unseen += sum(row.finish() for row in rows)

    def _compare_actions(self, rows: _Rows, labels: Labels) -> None:
        stored = rows.columns[ACTION]
        due_ns = rows.due_ns(self._codec.timing.step_ns)
        difference = float(np.max(np.abs(stored - labels.columns(due_ns))))
        result = self._result
        result.action_difference = max(result.action_difference, difference)
        output, start = {}, 0
        for feature in self._codec.features.action:
            output[feature.key] = stored[:, start : start + feature.size].astype(np.float64)
            start += feature.size
        decoded, expected = self._codec.decode(output), labels.steps(due_ns)
        result.decoded_action_difference = max(
            result.decoded_action_difference, _difference(decoded, expected)
        )


def _difference(decoded: Signals, expected: Signals) -> float:
    """Largest difference of two sequences of steps in m and rad."""
    worst = [
        float(np.max(spec.kind.distances(decoded[spec.name], expected[spec.name])))
        for spec in decoded.specs
        if not spec.kind.is_decision
    ]
    return max(worst, default=0.0)


def live_observations(
    source: BagSource, episode: Episode, judged_ns: Container[int]
) -> Iterator[Observation]:
    """What the policy node would observe while a bag plays: whenever a picture has come and the
    observation would be newer than the last one, at the time of its arrival.

    Pictures are judged at the times `judged_ns`, those of rows: when a picture was new counts from
    the first observation that has it, in the node as here.
    """
    buffer = make_buffer(source.robot, source.codec)
    health = {topic: StreamHealth(topic) for topic in source.streams(buffer)}
    pictures = PictureWatch()
    newest_ns = -1
    for route, now_ns in source.play(buffer, episode, health):
        if not route.is_camera:
            continue
        try:
            seen = buffer.observe_newer(now_ns, episode.instruction, newest_ns)
            if seen is None:
                continue
            observation, _ = seen
            newest_ns = observation.stamp_ns
            if newest_ns in judged_ns:
                pictures.check(observation)
        except (NotReady, UserError):
            continue
        yield observation


class _Rows:
    """Rows of one dataset episode, compared as their times come up."""

    def __init__(
        self, dataset: Dataset, episode: EpisodeFiles, codec: Codec, first_due_ns: int
    ) -> None:
        self.columns = dataset.columns(episode)
        self.count = episode.length
        self._first_due_ns = first_due_ns
        self._codec = codec
        self._next = 0
        self._unseen = 0
        self._videos = {
            key: iter(episode.videos[video_column(key)]) for key in codec.video.cameras
        }

    def due_ns(self, step_ns: int) -> NDArray[np.int64]:
        """When the actions of the rows are due."""
        return self._first_due_ns + np.arange(self.count, dtype=np.int64) * step_ns

    def compare(self, observation: Observation, result: Verification) -> None:
        """Take an observation; rows of its time are compared with it."""
        stamps = self.columns[STAMP]
        while self._next < self.count and stamps[self._next] < observation.stamp_ns:
            self._skip()
        if self._next == self.count or stamps[self._next] != observation.stamp_ns:
            return
        encoded = self._codec.now.encode(observation)
        parts = [encoded.state[feature.key][0] for feature in self._codec.features.state]
        while self._next < self.count and stamps[self._next] == observation.stamp_ns:
            difference = np.abs(self.columns[STATE][self._next] - np.concatenate(parts))
            worst = float(difference.max())
            result.state_difference = max(result.state_difference, worst)
            result.different_rows += worst > TOLERANCE
            for key, pictures in self._videos.items():
                found = psnr_db(next(pictures), encoded.video[key][0])
                result.psnr_db[key] = min(result.psnr_db.get(key, float("inf")), found)
            self._next += 1

    def _skip(self) -> None:
        self._unseen += 1
        self._next += 1
        for pictures in self._videos.values():
            next(pictures)

    def finish(self) -> int:
        """How many rows no observation belonged to."""
        while self._next < self.count:
            self._skip()
        return self._unseen
