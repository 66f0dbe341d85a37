"""Where the robot is now, by its newest messages."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from groot_ros.observation.buffer import NotReady, ObservationBuffer
from groot_ros.signals.kinds import Kind

Array = NDArray[np.float64]


class NewestState:
    """Reads all fields of a buffer as one state of a kind; whoever shares it guards it."""

    def __init__(self, buffer: ObservationBuffer, kind: Kind) -> None:
        self._buffer, self._kind = buffer, kind
        self._looked_at: dict[str, Array] = {}

    def at(self, now_ns: int) -> Array:
        """The newest value (V,) of the commanded signal, of all arms; NotReady where a stream is
        missing, too old or not physically possible."""
        states = []
        for name in self._buffer.fields:
            states.append(state := self._buffer.newest_state(name, now_ns))
            if self._looked_at.get(name) is state:
                continue
            if reason := self._kind.wrong(state[None], name):
                raise NotReady(f"{reason}: check its publisher")
            self._looked_at[name] = state
        return states[0] if len(states) == 1 else np.concatenate(states)
