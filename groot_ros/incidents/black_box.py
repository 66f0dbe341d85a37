"""What an executor saw, was given and did in the last half minute, saved when something fails."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from groot_ros.data.bags.episode_info import EpisodeInfo
from groot_ros.data.bags.metadata import Topic
from groot_ros.data.bags.serialized import MessageMaker
from groot_ros.data.bags.writer import BagWriter
from groot_ros.incidents.incident import RECORDING, ROBOT, URDF, Incident
from groot_ros.incidents.incident_folder import IncidentFolder
from groot_ros.incidents.kept_messages import KeptMessages, Message
from groot_ros.incidents.kept_tape import KeptTape, TakenTape
from groot_ros.incidents.occasions import AFTER_S, Event, Occasions
from groot_ros.incidents.pictures import PictureKeeper
from groot_ros.incidents.recording_file import write_recording
from groot_ros.incidents.tape import Recording, timed
from groot_ros.robot.camera_stream import CameraStream
from groot_ros.robot.config import RobotConfig
from groot_ros.signals.kinds import POSE

BEFORE_S = 30.0
"""So much of what came before its first event is in an incident."""
SPAN_S = BEFORE_S + AFTER_S
# Of the memory, what messages other than pictures may take.
MESSAGES_SHARE = 0.25
# Beside the messages: recording, robot file, index.
OVERHEAD_BYTES = 8 << 20
# What may wait for a processor that is busy, or for a disk that is slow or gone.
MOST_PICTURE_BYTES, MOST_INCIDENTS = 64 << 20, 2
LOST = "the executor is gone: it was killed, or it crashed"


@dataclass(frozen=True, kw_only=True)
class Setup:
    """What an incident tells of the executor, where it is saved and how much of it is kept.

    `messages_bytes` is what messages may take in memory, `folder_bytes` what incidents may on the
    disk.
    """

    robot: RobotConfig
    robot_file: str
    namespace: str
    chunk_topic: str
    setpoint_topic: Topic
    parameters: Mapping[str, Any]
    versions: Mapping[str, str]
    folder: Path
    folder_bytes: int
    messages_bytes: int


@dataclass(frozen=True)
class Saved:
    """An incident that was saved at a path, or was not and why, and what it was saved for, which
    somebody may have asked for."""

    path: str
    sentence: str
    failure: str = ""
    was_asked_for: bool = False


class BlackBox:
    """Keeps what comes, and saves it with the executor's tape once something has happened.

    It owns what is kept. One thread calls it; what is saved is written by a thread of its own,
    which alone touches the disk and calls `told`.
    """

    def __init__(self, setup: Setup, told: Callable[[Saved], None]) -> None:
        self._setup = setup
        self._told = told
        self._folder = IncidentFolder(setup.folder, setup.folder_bytes)
        others = round(MESSAGES_SHARE * setup.messages_bytes)
        self._messages = KeptMessages(SPAN_S, others)
        self._pictures = KeptMessages(SPAN_S, setup.messages_bytes - others)
        self._tape = KeptTape(SPAN_S)
        self._occasions = Occasions()
        self._topics = {setup.setpoint_topic.name: setup.setpoint_topic}
        self._cameras: dict[str, tuple[str, CameraStream]] = {}
        self._videos: dict[str, str] = {}
        self._picture_keeper = PictureKeeper()
        self._writer = ThreadPoolExecutor(1, "writer")
        self._compressor = ThreadPoolExecutor(1, "compressor")
        # Two counters because each must be changed by one thread alone.
        self._come_bytes = self._compressed_bytes = 0
        self._incidents_come = self._incidents_written = 0
        self._left_out = 0
        self._instruction = self._urdf = ""
        self._now_ns = 0
        self._is_commanding = False

    def topic(self, topic: Topic) -> None:
        """Messages of a topic may come."""
        self._topics[topic.name] = topic

    def camera(self, topic: Topic, kind: str, camera: CameraStream) -> None:
        """Pictures of a topic may come as messages of a kind."""
        self.topic(topic)
        self._cameras[topic.name] = kind, camera

    def video(self, topic: Topic) -> None:
        """Packets of video may come on a topic."""
        self.topic(topic)
        self._videos[topic.name] = topic.type

    def instruction(self, instruction: str) -> None:
        """The task, as the newest chunk names it."""
        self._instruction = instruction

    def urdf(self, text: str) -> None:
        """The arm's description, as soon as it is known."""
        self._urdf = text

    def keep(self, topic: str, now_ns: int, data: bytes) -> None:
        """Keep a message that was received or sent."""
        self._messages.add((topic, now_ns, data))

    def keep_packet(self, topic: str, now_ns: int, data: bytes) -> None:
        """Keep a packet of video."""
        self._pictures.add((topic, now_ns, data))

    def keep_picture(self, topic: str, now_ns: int, data: bytes) -> None:
        """Keep a picture; it is compressed in a thread of its own."""
        if self._come_bytes - self._compressed_bytes < MOST_PICTURE_BYTES:
            self._come_bytes += len(data)
            self._compressor.submit(self._compress, topic, now_ns, data)
        else:
            self._left_out += 1

    def left_out(self, messages: int) -> None:
        """So many messages did not come because there was no time for them."""
        self._left_out += messages

    def _compress(self, topic: str, now_ns: int, data: bytes) -> None:
        """On the compressor's thread; a picture that is none is left out."""
        self._compressed_bytes += len(data)
        kind, camera = self._cameras[topic]
        self._pictures.add((topic, now_ns, self._picture_keeper.jpeg(kind, camera, data)))

    def begin_tape(self, begun_ns: int, executor: bytes) -> None:
        """Restart the executor's tape."""
        self._tape.begin(begun_ns, executor)

    def tear_tape(self) -> None:
        """What it held does not go on."""
        self._tape.tear()

    def tape(self, calls: bytes) -> None:
        """Its tape goes on."""
        self._tape.add(calls)

    def begin(self) -> None:
        """Commands follow."""
        self._is_commanding = True

    def note(self, sentence: str, now_ns: int, was_asked_for: bool = False) -> None:
        """Something has happened."""
        self._occasions.note(Event(now_ns, sentence, was_asked_for))

    def look(self, now_ns: int) -> None:
        """Save the incidents that are due at `now_ns`."""
        self._now_ns = now_ns
        if events := self._occasions.take_due(now_ns):
            self._save(events, now_ns)

    def end(self, now_ns: int) -> None:
        """Save pending incidents at once, because commands have ceased."""
        self._is_commanding = False
        if events := self._occasions.take():
            self._save(events, now_ns)

    def close(self) -> None:
        """Nobody says anything any more; returns when all is written."""
        if self._is_commanding:
            self.note(LOST, self._now_ns)
        self.end(self._now_ns)
        self._writer.shutdown()
        self._compressor.shutdown()

    def _save(self, events: tuple[Event, ...], now_ns: int) -> None:
        if self._incidents_come - self._incidents_written >= MOST_INCIDENTS:
            reason = "others are still being written, the disk or the processor is too slow"
            self._told(Saved("", events[0].sentence, reason))
            return
        messages, tape = self._messages.taken(), self._tape.taken()
        incident = self._incident(events, messages, tape, now_ns)
        self._incidents_come += 1
        urdf = self._urdf
        self._writer.submit(lambda: self._write(incident, urdf, messages, tape))

    def _incident(
        self,
        events: tuple[Event, ...],
        messages: list[Message],
        tape: TakenTape | None,
        now_ns: int,
    ) -> Incident:
        begun_ns = min((time_ns for _, time_ns, _ in messages), default=now_ns)
        setup = self._setup
        return Incident(
            events=events,
            saved=datetime.now().astimezone().isoformat(timespec="seconds"),
            begun_ns=min(begun_ns, tape.begun_ns) if tape else begun_ns,
            ended_ns=now_ns,
            robot=setup.robot.name,
            namespace=setup.namespace,
            chunk_topic=setup.chunk_topic,
            instruction=self._instruction,
            messages_left_out=self._left_out,
            parameters=setup.parameters,
            versions=setup.versions,
        )

    def _write(
        self, incident: Incident, urdf: str, messages: list[Message], tape: TakenTape | None
    ) -> None:
        """On the writer's thread."""
        sentence = incident.events[0].sentence
        try:
            path = self._written(incident, urdf, messages, tape)
            asked_for = all(event.was_asked_for for event in incident.events)
            self._told(Saved(str(path), sentence, was_asked_for=asked_for))
        except Exception as error:
            # Whatever it is: the next incident wants this thread.
            reason = (
                str(error) if isinstance(error, OSError) else f"{type(error).__name__}: {error}"
            )
            self._told(
                Saved("", sentence, f"it cannot be written to {self._folder.path}: {reason}")
            )
        finally:
            self._incidents_written += 1

    def _written(
        self, incident: Incident, urdf: str, messages: list[Message], tape: TakenTape | None
    ) -> Path:
        # Pictures that came before are compressed by then.
        self._compressor.submit(int).result()
        until_ns = incident.ended_ns
        messages += [message for message in self._pictures.taken() if message[1] <= until_ns]
        self._folder.make_room(OVERHEAD_BYTES + sum(len(data) for *_, data in messages))
        path = self._folder.new(incident)
        writer = BagWriter(path, compress=True)
        try:
            self._fill(writer, incident, urdf=urdf, messages=messages, tape=tape)
            writer.finish()
        except BaseException:
            writer.abandon()
            raise
        self._folder.make_room()
        return path

    def _fill(
        self,
        writer: BagWriter,
        incident: Incident,
        urdf: str,
        messages: list[Message],
        tape: TakenTape | None,
    ) -> None:
        if tape:
            recording = tape.recording()
            write_recording(writer.part / RECORDING, recording)
            messages = [*messages, *self._setpoints(recording)]
        incident.write(writer.part)
        (writer.part / ROBOT).write_text(self._setup.robot_file)
        if urdf:
            (writer.part / URDF).write_text(urdf)
        writer.annotate(self._info(writer.path.name, incident).to_custom_data())
        messages.sort(key=lambda message: message[1])
        for topic, time_ns, data in self._picture_keeper.from_key_frames(messages, self._videos):
            if not writer.knows(topic):
                writer.add_topic(self._topics[topic])
            writer.write(topic, time_ns, time_ns, data)

    def _setpoints(self, recording: Recording) -> Iterator[Message]:
        maker, topic = MessageMaker(), self._setup.setpoint_topic.name
        robot = self._setup.robot
        signal = robot.output.commanded
        for now_ns, (_, _, answer) in timed(recording.calls, recording.begun_ns):
            if not isinstance(answer, tuple):
                continue
            value = answer[0]
            if signal.kind == POSE:
                data = maker.pose(now_ns, robot.base_frame, value)
            else:
                positions = map(float, value)
                data = maker.joint_state(now_ns, dict(zip(robot.joints, positions, strict=True)))
            yield topic, now_ns, data

    def _info(self, name: str, incident: Incident) -> EpisodeInfo:
        """So that whoever reads the bag knows what the recorder would have said."""
        return EpisodeInfo(
            episode=name,
            robot=incident.robot,
            robot_file=self._setup.robot_file,
            namespace=incident.namespace,
            instruction=incident.instruction,
            reason=incident.events[0].sentence,
            versions=incident.versions,
        )
