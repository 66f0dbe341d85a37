"""Quality of service that publishers and subscribers here agree on."""

from __future__ import annotations

from rclpy.qos import DurabilityPolicy, QoSProfile

LATCHED = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
"""Whoever comes late hears the newest message."""
CHUNKS = QoSProfile(depth=10)
"""As many as a policy sends between two looks: what ends a motion is not lost among them."""
REPORTS = QoSProfile(depth=10, durability=DurabilityPolicy.TRANSIENT_LOCAL)
"""A rviz2 or Foxglove that joins late wants to see the newest reports."""
