"""What an executor saw, was given and did in the last half minute, saved when something fails."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from groot_ros.chunks.chunk import Setpoint
from groot_ros.chunks.command_loop import prefer_this_thread
from groot_ros.data.background_writer import BackgroundWriter, Bag
from groot_ros.data.bag_metadata import Topic
from groot_ros.data.episode_info import EpisodeInfo
from groot_ros.incidents.incident import RECORDING, ROBOT, URDF, Incident
from groot_ros.incidents.incident_folder import IncidentFolder
from groot_ros.incidents.kept_messages import KeptMessages, Message
from groot_ros.incidents.occasions import AFTER_S, Event, Occasions
from groot_ros.incidents.pauses import Pauses
from groot_ros.incidents.recording_file import write_recording
from groot_ros.incidents.tape import Recording, TapedExecutor, timed

BEFORE_S = 30.0
"""So much of what came before its first event is in an incident."""
SPAN_S = BEFORE_S + AFTER_S
# Of the memory, what messages other than pictures may take.
MESSAGES_SHARE = 0.25
# Beside the messages: recording, robot file, index.
OVERHEAD_BYTES = 8 << 20
# What may wait for a disk that is slow or gone.
MOST_PICTURES, MOST_INCIDENTS = 50, 2


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """What an incident tells of the executor, and how to tell its setpoints.

    `urdf` is the text of the arm's description, asked for when an incident is saved; `setpoint`
    makes a serialised message of `setpoint_topic` from a setpoint and its time in ns.
    """

    robot: str
    robot_file: str
    urdf: Callable[[], str]
    namespace: str
    chunk_topic: str
    parameters: Mapping[str, Any]
    versions: Mapping[str, str]
    setpoint_topic: Topic
    setpoint: Callable[[Setpoint, int], bytes]


@dataclass(frozen=True)
class Saved:
    """An incident that was saved, or was not (`bag.failure`), and what it was saved for."""

    bag: Bag
    sentence: str


class BlackBox:
    """Keeps what comes, and saves it with the executor's tape once something has happened.

    It owns the ring buffers. One thread, that of the node's callbacks, calls it; the tape belongs
    to whoever guards the executor. What is saved is written by a thread of its own, which alone
    touches the disk, and pauses again and again while commands are made.
    """

    def __init__(self, folder: IncidentFolder, around: Surroundings, most_bytes: int) -> None:
        """`most_bytes` is what messages may take in memory."""
        self._folder = folder
        self._around = around
        others = round(MESSAGES_SHARE * most_bytes)
        self._topics = {around.setpoint_topic.name: around.setpoint_topic}
        self._messages = KeptMessages(SPAN_S, others)
        self._pictures = KeptMessages(SPAN_S, most_bytes - others)
        self._occasions = Occasions()
        self._interventions = 0
        self._pauses = Pauses()
        self._writer, self._compressor = BackgroundWriter(0), BackgroundWriter(0)
        for thread in (self._writer, self._compressor):
            self._do(thread, prefer_this_thread)
        # Two counters because each must be changed by one thread alone.
        self._pictures_come = self._pictures_compressed = 0
        self._waiting: deque[Saved] = deque()
        self._saved: deque[Saved] = deque()
        self.instruction = ""
        """The task, as the last chunk with one names it."""

    def keep(self, topic: Topic, now_ns: int, data: bytes) -> None:
        """A message has come, or was sent."""
        self._topics.setdefault(topic.name, topic)
        self._messages.add((topic.name, now_ns, data))

    def keep_picture(self, topic: Topic, now_ns: int, compressed: Callable[[], bytes]) -> None:
        """A picture has come; it is compressed by a thread of its own."""
        self._topics.setdefault(topic.name, topic)
        if self._pictures_come - self._pictures_compressed < MOST_PICTURES:
            self._pictures_come += 1
            self._do(self._compressor, lambda: self._compress(topic.name, now_ns, compressed))

    def _compress(self, topic: str, now_ns: int, compressed: Callable[[], bytes]) -> None:
        """On the compressor's thread."""
        self._pictures_compressed += 1
        self._pictures.add((topic, now_ns, compressed()))

    def begin(self, executor: TapedExecutor, now_ns: int) -> None:
        """Commands follow: from now on what is written waits for them."""
        self._pauses.hurry(False)
        executor.tape.begin(executor, now_ns)

    def note(self, sentence: str, now_ns: int) -> None:
        """Something has happened."""
        self._occasions.note(Event(now_ns, sentence))

    def look(
        self, executor: TapedExecutor, guard: AbstractContextManager[object], now_ns: int
    ) -> None:
        """Copy the executor if that is due, and save what has happened; not between the calls that
        join one chunk. `guard` is held for no longer than that copy takes."""
        with guard:
            executor.tape.look(executor, now_ns)
            interventions = executor.interventions
        if interventions > self._interventions:
            self._interventions = interventions
            self.note("the governor corrected a command", now_ns)
        if events := self._occasions.take_due(now_ns):
            self._save(events, executor, guard, now_ns)

    def end(
        self, executor: TapedExecutor, guard: AbstractContextManager[object], now_ns: int
    ) -> None:
        """Save at once what has happened: nothing is commanded any more."""
        self._pauses.hurry(True)
        if events := self._occasions.take():
            self._save(events, executor, guard, now_ns)

    def take_saved(self) -> list[Saved]:
        """What was saved since the last call."""
        return [self._saved.popleft() for _ in range(len(self._saved))]

    def close(self, timeout_s: float) -> list[Path]:
        """Wait until all is written; what is not when the time is over."""
        self._pauses.hurry(True)
        self._compressor.close(0.0)
        self._writer.close(timeout_s)
        return [saved.bag.path for saved in self._waiting]

    def _do(self, thread: BackgroundWriter, work: Callable[[], None]) -> None:
        thread.submit(Bag(self._folder.path), work)

    def _save(
        self,
        events: tuple[Event, ...],
        executor: TapedExecutor,
        guard: AbstractContextManager[object],
        now_ns: int,
    ) -> None:
        saved = Saved(Bag(self._folder.path, compress=True), events[0].sentence)
        if len(self._waiting) >= MOST_INCIDENTS:
            saved.bag.failure = "the disk is too slow, others are still being written"
            self._saved.append(saved)
            return
        with guard:
            recording = executor.tape.recording()
        messages = [*self._messages.taken(), *self._pictures.taken()]
        incident = self._incident(events, messages, recording, now_ns)
        self._waiting.append(saved)
        self._writer.submit(
            saved.bag, lambda: self._write(saved.bag, incident, messages, recording)
        )
        self._do(self._writer, lambda: self._saved.append(self._waiting.popleft()))

    def _incident(
        self,
        events: tuple[Event, ...],
        messages: list[Message],
        recording: Recording | None,
        now_ns: int,
    ) -> Incident:
        begun_ns = min((time_ns for _, time_ns, _ in messages), default=now_ns)
        around = self._around
        return Incident(
            events=events,
            saved=datetime.now().astimezone().isoformat(timespec="seconds"),
            begun_ns=min(begun_ns, recording.begun_ns) if recording else begun_ns,
            ended_ns=now_ns,
            robot=around.robot,
            namespace=around.namespace,
            chunk_topic=around.chunk_topic,
            instruction=self.instruction,
            parameters=around.parameters,
            versions=around.versions,
        )

    def _write(
        self, bag: Bag, incident: Incident, messages: list[Message], recording: Recording | None
    ) -> None:
        """On the writer's thread."""
        needed = OVERHEAD_BYTES + sum(len(data) for *_, data in messages)
        self._folder.make_room(needed)
        bag.path = self._folder.new(incident)
        writer = bag.open()
        try:
            if recording:
                write_recording(writer.part / RECORDING, recording, self._pauses)
                messages = [*messages, *self._setpoints(recording)]
            incident.write(writer.part)
            around = self._around
            (writer.part / ROBOT).write_text(around.robot_file)
            if urdf := around.urdf():
                (writer.part / URDF).write_text(urdf)
            writer.annotate(self._info(bag.path.name, incident).to_custom_data())
            for topic, time_ns, data in sorted(messages, key=lambda message: message[1]):
                if not writer.knows(topic):
                    writer.add_topic(self._topics[topic])
                writer.write(topic, time_ns, time_ns, data)
                self._pauses.breathe()
            writer.finish()
        except Exception:
            writer.abandon()
            raise
        self._folder.make_room()

    def _setpoints(self, recording: Recording) -> Iterator[Message]:
        around = self._around
        for now_ns, (_, _, answer) in timed(recording.calls, recording.begun_ns):
            if isinstance(answer, tuple):
                data = around.setpoint(Setpoint(*answer), now_ns)
                self._pauses.breathe()
                yield around.setpoint_topic.name, now_ns, data

    def _info(self, name: str, incident: Incident) -> EpisodeInfo:
        """So that whoever reads the bag knows what the recorder would have said."""
        return EpisodeInfo(
            episode=name,
            robot=incident.robot,
            robot_file=self._around.robot_file,
            namespace=incident.namespace,
            instruction=incident.instruction,
            reason=incident.events[0].sentence,
            versions=incident.versions,
        )
