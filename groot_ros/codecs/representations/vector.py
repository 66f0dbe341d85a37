"""Numbers as they are."""

from __future__ import annotations

from groot_ros.codecs.representations.joints import Joints
from groot_ros.signals.kinds import VECTOR, VELOCITY


class Vector(Joints):
    """Velocities, or numbers of any unit, in the robot file's order."""

    kinds = (VECTOR, VELOCITY)
