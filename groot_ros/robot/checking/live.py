"""A robot file against what was seen of the running robot."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterator, Mapping, Sequence
from statistics import median

from groot_ros.files.shell import quoted
from groot_ros.observation.label_messages import label_types
from groot_ros.observation.named_topics import ACTION_STATUS, NamedTopic, observed_topics
from groot_ros.robot.checking.finding import Finding
from groot_ros.robot.checking.units import FARTHEST_M, MOST_RAD
from groot_ros.robot.commands import GRIPPER_COMMAND
from groot_ros.robot.config import RobotConfig
from groot_ros.robot.drafting.seen import AXES, SeenTopic
from groot_ros.robot.observations import SignalStream
from groot_ros.robot.pose_stream import TF_STATIC, ComputedPose, PoseStream, TransformStream
from groot_ros.robot.stream_time import HEADER
from groot_ros.robot.streams import GripStream, JointStream
from groot_ros.robot.topic import absolute

# Stamps may be so far ahead of their arrival: clocks that are synchronised over a network.
AHEAD_S = 0.02
# Of the distance between open and closed.
GRIP_MARGIN = 0.1
Seen = Mapping[str, SeenTopic]


def live_findings(robot: RobotConfig, seen: Seen) -> list[Finding]:
    """All that the topics of a running robot say against its file; topics by absolute name."""
    found: list[Finding] = []
    for named in observed_topics(robot):
        found += _stream(named, seen)
        if stream := robot.observations.signals.get(named.stream):
            found += _values(robot.arm_of(named.stream), named, stream, seen)
    for arm in robot.each_arm:
        found += _commands(arm, seen)
        found += _labels(arm, seen)
    return found


def stream_lines(robot: RobotConfig, seen: Seen) -> Iterator[str]:
    """What was measured of each stream, for a terminal."""
    for named in observed_topics(robot):
        key, topic = named.key, named.topic
        found = seen.get(absolute(topic))
        if not found or not found.count:
            yield f"{key:<28} {topic:<36} nothing came"
            continue
        behind = f"{1e3 * median(found.behind_s):.0f} ms old" if found.behind_s else "no stamps"
        yield f"{key:<28} {topic:<36} {found.rate_hz:6.1f} Hz, {behind} as it arrives"


def _stream(named: NamedTopic, seen: Seen) -> Iterator[Finding]:
    """Whether it comes, of which type, how often and with which stamps."""
    key, topic, types = named.key, named.topic, named.types
    found = seen.get(absolute(topic))
    if found is None or not (found.publishers or found.count):
        yield Finding(
            f"{key}.topic",
            f"nobody publishes {topic}{_near(topic, types, seen)}",
            command="ros2 topic list -t",
        )
        return
    if found.type_name not in types:
        yield Finding(
            f"{key}.topic", f"{topic} is {found.type_name}, expected {' or '.join(types)}"
        )
        return
    if not found.count:
        yield Finding(
            f"{key}.topic",
            f"{', '.join(found.publishers)} publishes {topic}, but no message came: check that it "
            "runs and its network",
            command=f"ros2 topic hz {quoted(absolute(topic))}",
        )
        return
    if found.rate_hz and 1.0 / found.rate_hz > named.max_age_s:
        yield Finding(
            f"{key}.max_age",
            f"{topic} comes {found.rate_hz:.1f} times a second, too seldom for a max_age of "
            f"{named.max_age_s:g} s: make the driver faster, or max_age longer",
        )
    if named.clock == HEADER:
        yield from _stamps(key, topic, found, named.max_age_s)


def _stamps(key: str, topic: str, found: SeenTopic, max_age_s: float) -> Iterator[Finding]:
    if not found.behind_s:
        yield Finding(
            f"{key}.clock",
            f"{topic} carries no stamps: let the driver stamp its messages, or set clock: arrival",
        )
        return
    behind_s = median(found.behind_s)
    if behind_s > max_age_s:
        yield Finding(
            f"{key}.clock",
            f"stamps of {topic} are {behind_s:.3g} s behind their arrival, more than max_age: "
            "synchronise the clocks of both machines, or set clock: arrival",
        )
    elif behind_s < -AHEAD_S:
        yield Finding(
            f"{key}.clock",
            f"stamps of {topic} are {-behind_s:.3g} s ahead of their arrival: synchronise the "
            "clocks of both machines, or set clock: arrival",
        )


def _near(topic: str, types: Sequence[str], seen: Seen) -> str:
    """Topics of a fitting type that may be meant."""
    fitting = [name for name, other in seen.items() if other.count and other.type_name in types]
    near = difflib.get_close_matches(absolute(topic), fitting, n=3, cutoff=0.3) or fitting[:3]
    return f": of its type there is {', '.join(near)}" if near else ": start its driver"


def _values(
    robot: RobotConfig, named: NamedTopic, stream: SignalStream, seen: Seen
) -> Iterator[Finding]:
    """Whether what comes can be what the file says of it."""
    key, found = named.key, seen.get(absolute(named.topic))
    if found is None or found.type_name not in named.types or not found.count:
        return
    if isinstance(stream, JointStream):
        yield from _joints(robot, key, stream, found)
    elif isinstance(stream, GripStream):
        yield from _grip(key, stream, found)
    elif isinstance(stream, TransformStream):
        parents = {**found.parents, **(seen[TF_STATIC].parents if TF_STATIC in seen else {})}
        if stream.link not in parents:
            yield Finding(
                f"{key}.tf", f"no transform leads to {stream.link}, only to {_some(parents)}"
            )
    elif isinstance(stream, ComputedPose):
        return  # Its topic is that of the joints.
    elif isinstance(stream, PoseStream) and found.numbers:
        yield from _pose(robot, key, found)


def _joints(
    robot: RobotConfig, key: str, stream: JointStream, found: SeenTopic
) -> Iterator[Finding]:
    lower, upper = robot.limits.joint_lower, robot.limits.joint_upper
    for index, joint in enumerate(stream.joints):
        values = found.range(joint)
        if values is None:
            yield Finding(
                f"{key}.joints",
                f"{stream.topic} has no number for {joint}, only for {_some(found.numbers)}",
            )
            continue
        low, high = values
        if max(-low, high) > MOST_RAD:
            yield Finding(
                f"{key}.joints",
                f"{joint} goes to {max(-low, high):.0f}, which looks like degrees: let the driver "
                "publish rad",
            )
        elif lower and upper and not (lower[index] <= low and high <= upper[index]):
            yield Finding(
                "limits.joint_lower",
                f"{joint} was from {low:.3f} to {high:.3f}, outside its limits "
                f"{lower[index]:g} to {upper[index]:g}: nothing can be commanded from there",
            )


def _grip(key: str, stream: GripStream, found: SeenTopic) -> Iterator[Finding]:
    name = stream.joint or str(stream.index or 0)
    if (values := found.range(name)) is None:
        yield Finding(f"{key}.joint", f"{stream.topic} has no {name}, only {_some(found.numbers)}")
        return
    low, high = sorted((stream.open, stream.closed))
    margin = GRIP_MARGIN * (high - low)
    if values[0] < low - margin or values[1] > high + margin:
        yield Finding(
            f"{key}.open",
            f"{name} was from {values[0]:.4g} to {values[1]:.4g}, outside open {stream.open:g} "
            f"and closed {stream.closed:g}: give the numbers of {stream.topic}",
        )


def _pose(robot: RobotConfig, key: str, found: SeenTopic) -> Iterator[Finding]:
    if found.frame and found.frame != robot.base_frame:
        yield Finding(
            "base_frame",
            f"is {robot.base_frame}, but {found.name} is in {found.frame}: name that, or let the "
            "driver publish in the other",
        )
    ranges = [found.range(axis) for axis in AXES]
    farthest = max((max(map(abs, r)) for r in ranges if r), default=0.0)
    if farthest > FARTHEST_M:
        yield Finding(
            f"{key}.topic",
            f"{found.name} goes to {farthest:.0f}, which looks like mm: let the driver publish m",
        )
    if any(found.numbers.values()) and None in ranges:
        values = [v for numbers in found.numbers.values() for _, v in numbers]
        if any(not math.isfinite(value) for value in values):
            yield Finding(f"{key}.topic", f"{found.name} is not finite: check its publisher")


def _some(names: Mapping[str, object]) -> str:
    return ", ".join(list(names)[:12]) or "nothing"


def _commands(robot: RobotConfig, seen: Seen) -> Iterator[Finding]:
    """Who listens to the commands, and who else sends them."""
    topics = {robot.output_topic: "output.topic"} if robot.output_topic else {}
    grip = robot.commands.grip
    if grip and grip.topic and grip.type == GRIPPER_COMMAND:
        status = seen.get(absolute(grip.topic) + ACTION_STATUS)
        if status is None or not status.publishers:
            yield Finding(f"{grip.key}.topic", f"nobody serves the action {grip.topic}")
    elif grip and grip.topic:
        topics[grip.topic] = f"{grip.key}.topic"
    for topic, key in topics.items():
        found = seen.get(absolute(topic))
        if found is None or not found.subscribers:
            yield Finding(
                key,
                f"nobody listens to {topic}: start the controller that takes it",
                command="ros2 topic list -t",
            )
            continue
        if found.publishers:
            yield Finding(
                key,
                f"{', '.join(found.publishers)} publishes {topic} too, where the executor "
                "commands: stop it, or let a multiplexer choose",
                command=f"ros2 topic info -v {quoted(absolute(topic))}",
            )
        for node in found.wants_latched:
            yield Finding(
                key,
                f"{node} wants {topic} with durability transient_local, which commands do not "
                "have: it hears nothing, set its subscription to volatile",
                command=f"ros2 topic info -v {quoted(absolute(topic))}",
            )


def _labels(robot: RobotConfig, seen: Seen) -> Iterator[Finding]:
    """Leaders and other sources of labels are needed for recording alone."""
    for label in robot.labels.values():
        if not label.topic or label.is_command or "action" in "".join(label_types(label)):
            continue
        found = seen.get(absolute(label.topic))
        if found is None or not found.publishers:
            yield Finding(
                f"{label.key}.topic",
                f"nobody publishes {label.topic}: start the leader before you record",
                is_doubt=True,
            )
