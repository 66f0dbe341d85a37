"""Durations in words."""

from __future__ import annotations


def told_duration(duration_s: float) -> str:
    """A duration as a person says it, such as 40 s, 12 min or 3 h 5 min."""
    if duration_s < 100:
        return f"{duration_s:.0f} s"
    minutes = round(duration_s / 60)
    return f"{minutes} min" if minutes < 100 else f"{minutes // 60} h {minutes % 60} min"


def told_left(elapsed_s: float, done: int, total: int) -> str:
    """How long the rest takes, where `done` of `total` have taken `elapsed_s`: about 40 s left."""
    return f"about {told_duration(elapsed_s / done * (total - done))} left"
