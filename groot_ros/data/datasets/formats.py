"""The formats of datasets, by the names that users give them."""

from __future__ import annotations

from typing import Literal

Format = Literal["gr00t", "lerobot-v3"]
"""NVIDIA's form of LeRobot v2.1, and LeRobot v3.0."""
