"""One episode of a bag to parts of a dataset, in a folder of its own."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from groot_ros.chunks.takeover.turn import Control
from groot_ros.codecs.codec import Codec
from groot_ros.data.bags.storage import BagError
from groot_ros.data.clocks.clocks import check_clocks, clock_notes, offset_notes, on_bag_clock
from groot_ros.data.conversion.idle import moving_range
from groot_ros.data.conversion.settings import CORRECTIONS
from groot_ros.data.datasets.parts import PartWriter, load_rows
from groot_ros.data.datasets.statistics import sign_flips
from groot_ros.data.playback.episodes import Episode
from groot_ros.data.playback.frames import (
    Frame,
    StepClock,
    observations,
    picture_period_ns,
    take_frames,
)
from groot_ros.data.playback.labels import Labels, make_labels
from groot_ros.data.playback.losses import LEFT_OUT, SHOWN, Drops, Loss, Ranges, dropped
from groot_ros.data.playback.operator_commands import OperatorCommands, read_operator
from groot_ros.data.playback.replay import (
    BagSource,
    SignalKeeper,
    label_fields,
    make_buffer,
    read_signals,
)
from groot_ros.data.playback.signals import COMMAND_GAP_NS
from groot_ros.data.playback.stream_health import StreamHealth, check_once
from groot_ros.data.playback.turns import governed, read_turns
from groot_ros.data.review.doubts import WatchedArm, frozen_notes, unreadable_notes
from groot_ros.errors import UserError
from groot_ros.observation.buffer import NotReady
from groot_ros.observation.picture_watch import PictureWatch
from groot_ros.observation.routes import Route
from groot_ros.observation.types import ModelInput

DONE = "done.json"

NO_COMMAND = "no command yet"
IDLE = "idle before or after the movement"
HANDOVER = "handover between policy and operator"
GOING_HOME = "the arm went home"
BEFORE_TAKEOVER = "before the operator took over"
NO_CORRECTION = "no correction: the operator did not move the robot"


@dataclass(frozen=True)
class PartResult:
    """A part that became an episode of the dataset."""

    folder: str
    frames: int
    first_due_ns: int
    """When the actions of the first row are due; the others follow at the frame rate."""
    sign_flips: int
    """Neighbouring rows whose quaternions have opposite signs."""


@dataclass(frozen=True)
class EpisodeResult:
    """The result of an episode's extraction; times in s since its beginning."""

    name: str
    bag: str
    instruction: str
    outcome: str
    namespace: str
    duration_s: float
    start_ns: int
    stop_ns: int
    picture_offset_s: float
    """How far the steps are behind the rhythm of the pictures, to which the actions belong."""
    parts: list[PartResult]
    dropped: dict[str, int]
    """Steps by reason."""
    losses: list[dict[str, Any]]
    """The same with topic and time, as `Loss.report` makes it."""
    notes: list[str]
    """What was kept and is doubtful, in sentences."""
    duplicates: int
    health: dict[str, dict[str, Any]]

    @property
    def frames(self) -> int:
        return sum(part.frames for part in self.parts)

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> EpisodeResult:
        parts = [PartResult(**part) for part in values["parts"]]
        return cls(**{**values, "parts": parts})


@dataclass(frozen=True)
class ExtractOptions:
    """How frames are taken."""

    fps: int
    trim_idle: bool = False
    lost: tuple[Loss, ...] = ()
    """Steps about an episode that were left out of the one that it is a part of."""
    left_out_ns: Ranges = ()
    """Steps that an edit list leaves out."""
    only: str = ""
    """`corrections`: what the operator did in place of the policy; empty: everything."""
    drop_before_takeover_s: float = 0.0
    """So much of what the policy did before the operator took over is left out."""


Progress = Callable[[int], None]
"""Called with the number of frames that were added."""


def extract(
    source: BagSource, episode: Episode, options: ExtractOptions, folder: Path, progress: Progress
) -> EpisodeResult:
    """Write the parts of an episode and, last, its result into a new folder.

    BagError when the bag lacks a topic or no frame can be used.
    """
    source = on_bag_clock(source, episode)
    turns = read_turns(source, episode)
    source = governed(source, turns)
    operator = read_operator(source, episode, turns)
    extraction = _Extraction(source.codec, options, folder, operator)
    if options.trim_idle:
        extraction.keep = moving_range(read_signals(source, episode).states)
    buffer = make_buffer(source.robot, source.codec)
    signals = SignalKeeper(source, label_fields(source))
    streams = source.streams(buffer)
    health = {topic: StreamHealth(topic) for topic in streams}
    clock = _clock(source, picture_period_ns(source.bag, streams, episode.start_ns))
    played = source.play(buffer, episode, health, signals)
    observed = observations(buffer, played, episode.start_ns)
    drops = Drops()
    for loss in options.lost:
        drops.add(loss.reason, loss.first_ns, loss.steps, loss.last_ns)
    frames = take_frames(
        observed, clock, start_ns=episode.start_ns, drops=drops, stop_ns=episode.stop_ns
    )
    for frame, obstacle in _labelled(frames, signals, source):
        extraction.take(frame, obstacle, episode.instruction, progress)
    extraction.end_part()
    drops.update(extraction.drops)
    extraction.drops = drops
    name_topics(drops, streams)
    clocks = health | signals.health
    drifts = check_clocks(source, episode, clocks)
    if not source.bag.clock_steps:
        check_once(health.values(), source.bag.start_ns, source.bag.end_ns)
    kept = signals.signals()
    if extraction.has_frames:
        extraction.finish(make_labels(source.codec, kept.states, kept.commands))
    _check(episode, extraction, list(offset_notes(source, clocks)))
    notes = [
        *episode.notes,
        *clock_notes(source, clocks, drifts),
        *unreadable_notes(signals, health),
        *frozen_notes(extraction.watched, kept.commands),
    ]
    result = _result(episode, extraction, clock=clock, health=clocks, notes=notes)
    write_result(folder, result)
    return result


def _result(
    episode: Episode,
    extraction: _Extraction,
    clock: StepClock,
    health: Mapping[str, StreamHealth],
    notes: Sequence[str],
) -> EpisodeResult:
    return EpisodeResult(
        name=episode.name,
        bag=str(episode.bag),
        instruction=episode.instruction,
        outcome=episode.outcome,
        namespace=episode.namespace,
        duration_s=round(episode.duration_s, 6),
        start_ns=episode.start_ns,
        stop_ns=episode.stop_ns,
        picture_offset_s=clock.offset_ns / 1e9,
        parts=extraction.parts,
        dropped=dict(extraction.drops.by_reason),
        losses=[loss.report(episode.start_ns) for loss in extraction.drops.losses.values()],
        notes=list(notes),
        duplicates=extraction.drops.duplicates,
        health={
            topic: stream.report(episode.start_ns, episode.stop_ns).to_dict()
            for topic, stream in health.items()
        },
    )


def name_topics(drops: Drops, streams: Mapping[str, Route]) -> None:
    """Tell each loss the topic of the stream that its reason begins with."""
    topics = {name: topic for topic, route in streams.items() for name in route.streams}
    for loss in drops.losses.values():
        stream = loss.reason.removeprefix("camera ").partition(" ")[0].rstrip(":")
        loss.topic = topics.get(stream, "")


def _clock(source: BagSource, picture_period_ns: int) -> StepClock:
    cameras = source.robot.observations.cameras
    max_age_s = min(cameras[name].max_age_s for name in source.codec.video.cameras.values())
    step_ns = source.codec.timing.step_ns
    return StepClock(step_ns, min(picture_period_ns, step_ns) // 2, round(max_age_s * 1e9))


def _labelled(
    frames: Iterator[Frame], signals: SignalKeeper, source: BagSource
) -> Iterator[tuple[Frame, str]]:
    """Frames and why there is nothing to imitate at them, empty where there is.

    A frame waits until the commands around it are known.
    """
    waiting: deque[tuple[Frame, bool]] = deque()

    def obstacle(frame: Frame, has_command: bool) -> str:
        if step := source.bag.clock_step_at(frame.time_ns):
            return step
        if obstacle := signals.obstacle(frame.time_ns):
            return obstacle
        return NO_COMMAND if signals.has_motion_labels and not has_command else ""

    for frame in frames:
        first_ns = signals.first_command_ns
        waiting.append((frame, first_ns is not None and first_ns <= frame.time_ns))
        while waiting and frame.time_ns - waiting[0][0].time_ns > COMMAND_GAP_NS:
            known, has_command = waiting.popleft()
            yield known, obstacle(known, has_command)
    for known, has_command in waiting:
        yield known, obstacle(known, has_command)


def _check(episode: Episode, extraction: _Extraction, doubts: Sequence[str]) -> None:
    if extraction.parts:
        return
    by_reason = extraction.drops.by_reason
    reasons = sorted(by_reason, key=lambda reason: by_reason[reason], reverse=True)
    why = "no pictures were recorded"
    if reasons:
        told = [f"{dropped(by_reason[reason])}: {reason}" for reason in reasons[:SHOWN]]
        why = "; ".join([*told, *doubts])
    raise BagError(f"episode {episode.name} of bag {episode.bag} is empty: {why}")


def write_result(folder: Path, result: EpisodeResult) -> None:
    """Mark an episode's folder as complete."""
    beside = folder / f"{DONE}.new"
    beside.write_text(json.dumps(result.to_dict()))
    beside.rename(folder / DONE)


def read_result(folder: Path) -> EpisodeResult | None:
    """The result in a complete folder, else None."""
    path = folder / DONE
    return EpisodeResult.from_dict(json.loads(path.read_text())) if path.exists() else None


class _Extraction:
    def __init__(
        self, codec: Codec, options: ExtractOptions, folder: Path, operator: OperatorCommands
    ) -> None:
        self._operator = operator
        self.drops = Drops()
        self.parts: list[PartResult] = []
        self.keep: tuple[int, int] | None = None
        self._codec = codec
        self._options = options
        self._folder = folder
        self._writer: PartWriter | None = None
        self._ended: list[PartWriter] = []
        self.watched = WatchedArm()
        self._pictures = PictureWatch()
        self._next = -1
        self._started = 0

    @property
    def has_frames(self) -> bool:
        return bool(self._ended)

    def take(self, frame: Frame, obstacle: str, instruction: str, progress: Progress) -> None:
        """Add a frame to the running part, or drop it and end the part."""
        encoded = self._encode(frame, obstacle, instruction)
        if encoded is None:
            self.end_part()
            return
        if frame.index != self._next:
            self.end_part()
        if self._writer is None:
            path = self._folder / f"part-{self._started:03d}"
            self._writer = PartWriter(path, self._codec, self._options.fps)
            self._started += 1
        self._writer.add(frame, encoded)
        self.watched.add(frame)
        self.drops.duplicates += frame.is_duplicate
        self._next = frame.index + 1
        progress(1)

    def _encode(self, frame: Frame, obstacle: str, instruction: str) -> ModelInput | None:
        if obstacle:
            self.drops.add(obstacle, frame.time_ns)
            return None
        if any(low <= frame.time_ns < high for low, high in self._options.left_out_ns):
            self.drops.add(LEFT_OUT, frame.time_ns)
            return None
        if whose := self._not_its_turn(frame.time_ns):
            self.drops.add(whose, frame.time_ns)
            return None
        if self.keep and not self.keep[0] <= frame.time_ns <= self.keep[1]:
            self.drops.add(IDLE, frame.time_ns)
            return None
        try:
            observation = frame.snapshot.observation(instruction)
            self._pictures.check(observation)
            return self._codec.now.encode(observation)
        except NotReady as reason:
            self.drops.add(reason.cause, frame.time_ns)
        except UserError as error:
            self.drops.add(str(error), frame.time_ns)
        return None

    def _not_its_turn(self, time_ns: int) -> str:
        """Why a step is left out for whoever moved the robot; empty where it is not."""
        options, turns = self._options, self._operator.turns
        [control] = turns.at(np.array([time_ns]))
        if control == Control.HANDOVER.value:
            return HANDOVER
        if control == Control.HOME.value:
            return GOING_HOME
        if options.only == CORRECTIONS and control != Control.OPERATOR.value:
            return NO_CORRECTION
        within_ns = round(options.drop_before_takeover_s * 1e9)
        if control == Control.POLICY.value and within_ns:
            return BEFORE_TAKEOVER if turns.is_before_takeover(time_ns, within_ns) else ""
        return ""

    def end_part(self) -> None:
        """Close the running part; one that is shorter than a chunk of actions is dropped."""
        writer, self._writer = self._writer, None
        if writer is None:
            return
        horizon = self._codec.timing.horizon
        if len(writer) < horizon:
            short = f"part shorter than the horizon of {horizon} steps"
            self.drops.add(short, writer.due[0], len(writer), writer.due[-1])
            writer.discard()
            return
        writer.close()
        self._ended.append(writer)

    def finish(self, labels: Labels) -> None:
        """Write the rows of all parts, now that every label is known."""
        for writer in self._ended:
            writer.finish(labels, self._operator)
            flips = _sign_flips(self._codec, writer.folder)
            part = PartResult(writer.folder.name, len(writer), writer.due[0], flips)
            self.parts.append(part)


def _sign_flips(codec: Codec, folder: Path) -> int:
    rows = load_rows(folder)
    return sum(
        sign_flips(values, [name for feature in features for name in feature.names])
        for values, features in (
            (rows.state, codec.features.state),
            (rows.action, codec.features.action),
        )
    )
