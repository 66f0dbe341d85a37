"""What would have come of an incident with another policy, or with other limits.

Chunks come, commands are due and buttons are pressed when they were. The arm is a stand-in that
follows the commands: what the recorded one did does not answer to others.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from groot_ros.cameras.compressed_image import COMPRESSED_IMAGE
from groot_ros.chunks.execution.chunk_intake import ChunkIntake
from groot_ros.chunks.execution.stopping import StopReason
from groot_ros.data.bags.reader import Bag, open_bag
from groot_ros.data.playback.topics import find_streams
from groot_ros.errors import UserError
from groot_ros.incidents.course import Course, Mark
from groot_ros.incidents.saved_incident import SavedIncident
from groot_ros.incidents.tape import Call, timed
from groot_ros.observation.fields import to_ns
from groot_ros.observation.routes import Route, routes
from groot_ros.policy import Policy
from groot_ros.robot.camera_stream import CameraStream
from groot_ros.robot.config import RobotConfig
from groot_ros.robot.topic import absolute
from groot_ros.sim.fake.arms import AnyState, state_of
from groot_ros.sim.fake.recorded_arm import RecordedArm
from groot_ros.sim.rehearsal.recorded_eyes import RecordedEyes
from groot_ros.sim.rehearsal.rehearsed_arm import RehearsedArm
from groot_ros.sim.rehearsal.result import ChunkOutcome, Rehearsed
from groot_ros.timing.latency import CHUNK_LATENCY_S

# Calls that come from outside, beside chunks and states.
OPERATED = ("press", "resume", "set_speed_scale", "release", "clock_set")
CHUNK_TYPE = "groot_ros_msgs/msg/ActionChunk"


@dataclass
class Made:
    """The course with the changes, and pictures without an observation by the reason."""

    course: Course
    waits: Counter[str] = field(default_factory=Counter)


def what_if(saved: SavedIncident, robot: RobotConfig, policy: Policy | None = None) -> Made:
    """The incident with a robot file and, where one is given, with the chunks of a policy that is
    open in place of the recorded ones; UserError where the incident has not what that takes."""
    with open_bag(saved.path) as bag:
        if CHUNK_TYPE not in _types(bag, saved.incident.chunk_topic) and policy is None:
            raise UserError(
                f"{saved.path} holds no chunks on {saved.incident.chunk_topic}: name another "
                "incident, or a policy with --checkpoint"
            )
        return _Run(saved, with_kept_pictures(robot, saved, bag), policy).through(bag)


def with_kept_pictures(robot: RobotConfig, saved: SavedIncident, bag: Bag) -> RobotConfig:
    """The robot file with its cameras on the topics where an incident keeps them as JPEG."""
    cameras = {
        name: _kept(camera, saved.incident.namespace, bag)
        for name, camera in robot.observations.cameras.items()
    }
    return replace(robot, observations=replace(robot.observations, cameras=cameras))


def _kept(camera: CameraStream, namespace: str, bag: Bag) -> CameraStream:
    topic = f"{camera.topic}/compressed"
    if camera.compressed or COMPRESSED_IMAGE not in _types(bag, absolute(topic, namespace)):
        return camera
    return replace(camera, topic=topic, compressed=True)


def _types(bag: Bag, topic: str) -> Iterable[str]:
    info = bag.topics.get(topic)
    return info.counts if info else ()


class _Run:
    def __init__(self, saved: SavedIncident, robot: RobotConfig, policy: Policy | None) -> None:
        self._saved = saved
        self._robot = robot
        incident, signal = saved.incident, robot.output.commanded
        self._result = Rehearsed(saved.name, incident.instruction, signal, incident.begun_ns)
        self._arm = RehearsedArm(robot, saved.settings(robot), self._result)
        self._arm.motion.set_speed_scale(saved.recording.executor.speed_scale, 0)
        self._borders = saved.borders(robot)
        self._intake = ChunkIntake(robot, self._borders, saved.watchdog_s)
        self._recorded = RecordedArm(robot)
        self._policy = policy
        self._eyes: RecordedEyes | None = None
        self._course = Course(signal)
        self._calls = list(timed(saved.recording.calls, saved.recording.begun_ns))
        self._next = 0
        self._told = _first_told(self._calls, robot)

    def through(self, bag: Bag) -> Made:
        namespace = self._saved.incident.namespace
        known = [r for r in routes(self._recorded.buffer) if _has(bag, r, namespace)]
        measured = find_streams(bag, known, namespace)
        seen = self._open_eyes(bag, namespace)
        chunk_topic = self._saved.incident.chunk_topic
        topics = {topic: route.type_name for topic, route in {**seen, **measured}.items()}
        if self._eyes is None:
            topics[chunk_topic] = CHUNK_TYPE
        for topic, now_ns, message in bag.messages(topics, refuse=lambda *_: None):
            self._pass_time(now_ns)
            if topic == chunk_topic:
                self._hear(message, now_ns)
            if route := measured.get(topic):
                route.store(message, now_ns)
            if self._eyes and (route := seen.get(topic)):
                self._eyes.see(route, message, now_ns)
        self._pass_time(self._saved.incident.ended_ns)
        if not self._arm.is_placed:
            raise UserError(
                f"{self._saved.path} does not tell {self._robot.output.commanded.name}, where the "
                "arm would begin: name an incident of a robot whose state was known"
            )
        self._arm.end(self._saved.incident.ended_ns)
        course, result = self._course, self._result
        course.tell_chunks(result.chunks)
        course.stops = result.stops
        course.measured = list(zip(result.times_ns, result.demonstrated, strict=True))
        return Made(course, result.waits)

    def _open_eyes(self, bag: Bag, namespace: str) -> dict[str, Route]:
        """The streams that the policy sees; none where the recorded chunks are taken."""
        if self._policy is None:
            return {}
        latency_s = _latency_s(bag, self._saved.incident.chunk_topic)
        self._eyes = RecordedEyes(self._policy, self._robot, latency_s, self._result.waits)
        self._eyes.open(self._saved.incident.instruction, self._saved.incident.begun_ns)
        wanted = routes(self._eyes.buffer)
        for route in wanted:
            if route.is_camera and not _has(bag, route, namespace):
                raise UserError(
                    f"{self._saved.path} has no pictures of camera {route.streams[0]}, which the "
                    "policy needs: record with incident_pictures above 0"
                )
        return find_streams(bag, wanted, namespace)

    def _pass_time(self, until_ns: int) -> None:
        """Make the calls that were made until then, as far as they came from outside."""
        while self._next < len(self._calls) and self._calls[self._next][0] <= until_ns:
            now_ns, call = self._calls[self._next]
            self._next += 1
            name, args, _ = call
            if name in ("setpoint", "fail"):
                self._tick(now_ns)
            elif name in OPERATED or (name == "halt" and args[0] is StopReason.DEACTIVATED):
                getattr(self._arm.motion, name)(*args)

    def _place(self, now_ns: int) -> AnyState | None:
        """Where the recorded arm is; the stand-in begins there, or where the executor was told
        first, whose messages may have come before those that are in the bag."""
        state = self._recorded.state(now_ns)
        if not self._arm.is_placed and (begin := state or self._told):
            self._arm.place(begin, now_ns)
        return state

    def _tick(self, now_ns: int) -> None:
        arm, state = self._arm, self._place(now_ns)
        if not arm.is_placed:
            return
        if self._eyes:
            for outcome in self._eyes.due(now_ns):
                arm.take(outcome, self._borders.bounded, now_ns)
        if setpoint := arm.tick(now_ns, state):
            self._course.commands.append((now_ns, setpoint))

    def _hear(self, message: Any, now_ns: int) -> None:
        """A recorded chunk comes, as in the executor node."""
        intake, motion = self._intake, self._arm.motion
        self._place(now_ns)
        intake.look(now_ns, motion.is_idle)
        if not self._arm.is_placed or intake.foreign(message, now_ns):
            return
        if message.horizon == 0:
            if (era := intake.ended_era(message)) is not None:
                motion.cancel(era, now_ns)
            return
        try:
            bounded = intake.bounded(message)
        except ValueError as refused:
            motion.count_refusal(str(refused), now_ns)
            self._course.marks.append(Mark(now_ns, "refused", str(refused)))
            return
        outcome = ChunkOutcome(bounded.chunk, now_ns)
        if self._arm.take(outcome, lambda _: bounded, now_ns):
            intake.took(message, bounded, now_ns)


def _has(bag: Bag, route: Route, namespace: str) -> bool:
    return route.type_name in _types(bag, absolute(route.topic, namespace))


def _first_told(calls: Iterable[tuple[int, Call]], robot: RobotConfig) -> AnyState | None:
    """Where the arm was when the executor heard of it first."""
    for _, (name, args, _) in calls:
        if name in ("start_from", "measured"):
            return state_of(robot, {robot.output.commanded.name: args[0]})
    return None


def _latency_s(bag: Bag, topic: str) -> float:
    """How old pictures were when their chunk came, in the middle."""
    if CHUNK_TYPE not in _types(bag, topic):
        return CHUNK_LATENCY_S
    chunks = bag.messages({topic: CHUNK_TYPE}, refuse=lambda *_: None)
    ages_s = [(ns - to_ns(m.header.stamp)) / 1e9 for _, ns, m in chunks if m.horizon]
    return max(0.0, float(np.median(ages_s))) if ages_s else CHUNK_LATENCY_S
