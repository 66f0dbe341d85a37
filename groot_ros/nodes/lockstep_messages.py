"""Between the messages of lockstep and what they mean."""

from __future__ import annotations

from rclpy.qos import DurabilityPolicy, QoSProfile

from groot_ros.nodes.messages import to_duration, to_time
from groot_ros.observation.fields import to_ns
from groot_ros.timing.lockstep import Counts, Tick
from groot_ros_msgs.msg import LockstepReport, LockstepTick

# Beside /clock, which is one for all namespaces; hidden from lists of topics.
TICK_TOPIC, REPORT_TOPIC = "/_lockstep/tick", "/_lockstep/report"
TICK_QOS = QoSProfile(depth=10)
# A clock that comes late hears who is there.
REPORT_QOS = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
REPORTS_QOS = QoSProfile(depth=100, durability=DurabilityPolicy.TRANSIENT_LOCAL)


def to_tick_message(tick: Tick) -> LockstepTick:
    """The message of a tick."""
    return LockstepTick(
        stamp=to_time(tick.stamp_ns),
        period=to_duration(tick.period_ns),
        members=sorted(tick.members),
        topics=list(tick.published),
        counts=list(tick.published.values()),
    )


def from_tick_message(message: LockstepTick) -> Tick:
    """The tick of a message."""
    return Tick(
        to_ns(message.stamp),
        to_ns(message.period),
        frozenset(message.members),
        dict(zip(message.topics, message.counts, strict=True)),
    )


def to_report(node: str, is_member: bool, handled_ns: int, published: Counts) -> LockstepReport:
    """The message of a report."""
    return LockstepReport(
        node=node,
        member=is_member,
        stamp=to_time(handled_ns),
        topics=list(published),
        counts=list(published.values()),
    )
