"""Validation of the messages of an operator's device."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from groot_ros.errors import UserError
from groot_ros.observation.label_messages import (
    LabelType,
    OfOthers,
    Trajectory,
    Twist,
    Unusable,
    label_types,
)
from groot_ros.observation.routes import header_ns
from groot_ros.observation.signal_messages import JOINT_STATE
from groot_ros.robot.labels import GripLabel, Label
from groot_ros.robot.stream_time import HEADER
from groot_ros.signals.kinds import JOINTS

# Messages are of now: neither older than this nor from later.
STALE_S = 0.5
# No joint, hand or gripper is ever there, in rad or m.
LARGEST = 1e3


class Device:
    """One topic of an operator; its valid values are passed to `taken`. Belongs to the
    callbacks."""

    def __init__(self, label: Label, base_frame: str, taken: Callable[[Any], None]) -> None:
        self.topic = label.topic
        self.type_name, self._type = device_type(label)
        self.heard_ns: int | None = None
        """When a message came that says something."""
        self.problem = ""
        """Why the newest message says nothing."""
        self._label, self._base_frame, self._taken = label, base_frame, taken

    @property
    def kind(self) -> str:
        """The name of the message type as in robot files."""
        return self._type.name

    def receive(self, message: Any, now_ns: int) -> None:
        """Take a message that arrived at `now_ns`."""
        try:
            self.problem = self._late(message, now_ns)
            found = None if self.problem else self._type.read(message, self._base_frame)
        except OfOthers:
            return
        except Unusable as reason:
            self.problem = f"its messages {reason}"
            return
        except UserError as error:
            self.problem = str(error)
            return
        if found is None:
            return
        self.problem = self._wrong(found)
        if self.problem:
            return
        self.heard_ns = now_ns
        self._taken(found)

    def _late(self, message: Any, now_ns: int) -> str:
        time = self._label.time
        if not self._type.is_stamped or time.clock != HEADER:
            return ""
        stamp_ns = header_ns(message, 0)
        # A trajectory without a stamp begins now.
        if not stamp_ns or abs(now_ns - time.of(stamp_ns, now_ns)) <= STALE_S * 1e9:
            return ""
        late_s = (now_ns - stamp_ns) / 1e9
        return (
            f"its messages are {late_s:.2f} s old: check that the clocks agree, or set clock: "
            "arrival at it in the robot file"
        )

    def _wrong(self, found: Any) -> str:
        if isinstance(found, Twist):
            return ""
        value = np.asarray(found.positions if isinstance(found, Trajectory) else found)
        if np.any(np.abs(value) > LARGEST):
            return f"it is beyond {LARGEST:g} rad or m"
        kind = self._label.signal.kind
        if kind is not JOINTS and not kind.is_usable(value):
            return "its messages are not finite or no pose"
        return ""


def device_type(label: Label) -> tuple[str, LabelType]:
    """The message type of a device and its reader: the type that its label names, or the first
    that can hold the label's signal."""
    types = {n: kind for n, kind in label_types(label).items() if "/action/" not in n}
    if isinstance(label, GripLabel) and label.joint and JOINT_STATE in types:
        return JOINT_STATE, types[JOINT_STATE]
    return next(iter(types.items()))
