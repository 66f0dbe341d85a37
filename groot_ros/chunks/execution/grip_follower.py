"""The gripper's closure on its way to what is wanted."""

from __future__ import annotations


class GripFollower:
    """Goes at most `speed` closures per second; None is as fast as commanded."""

    def __init__(self, speed: float | None) -> None:
        self._speed = speed
        self._wanted: float | None = None
        self.closure: float | None = None
        """In [0, 1]; None when nothing was commanded yet."""

    @property
    def goal(self) -> float | None:
        """Where it goes."""
        return self.closure if self._wanted is None else self._wanted

    def follow(self, wanted: float | None, passed_s: float) -> float | None:
        """The closure to command, so long after the last one."""
        if wanted is None:
            return self.closure
        wanted = self._wanted = min(max(wanted, 0.0), 1.0)
        if self._speed is None or self.closure is None:
            self.closure = wanted
        else:
            most = self._speed * max(0.0, passed_s)
            self.closure += min(max(wanted - self.closure, -most), most)
        return self.closure
