"""Which policy activation an executor follows, and which of its epochs."""

from __future__ import annotations

from collections import OrderedDict

ACTIVATION_BYTES = 16
NOBODY = bytes(ACTIVATION_BYTES)
# A policy that resets ten times a second has not been heard for minutes when it is so far ahead.
MOST_EPOCHS_AHEAD = 1000
# Activations whose epochs are remembered: that of a policy, and a few that it replaced.
REMEMBERED = 16


class FollowedActivation:
    """Follows the activation of the first accepted chunk until that is released or silent.

    This prevents conflicts of policies that were started by mistake; it is no security, since
    every publisher can copy an id. Epochs count within an activation. An *era* is the executor's
    own count of epochs over all activations, so that it always increases.

    Not thread-safe: its owner guards it.
    """

    def __init__(self) -> None:
        self.activation = NOBODY
        self.era = 0
        self._heard_ns = 0
        self._epochs: OrderedDict[bytes, int] = OrderedDict()
        self._released: OrderedDict[bytes, None] = OrderedDict()

    @property
    def epoch(self) -> int:
        """The newest epoch of the followed activation, 0 for none."""
        return self._epochs.get(self.activation, 0) if self.activation != NOBODY else 0

    def refusal(self, activation: bytes, epoch: int, now_ns: int) -> str | None:
        """Why a message of an activation and epoch is ignored at `now_ns`; None where it is
        not."""
        if activation == NOBODY:
            return "it names no activation: a policy sends an id of its own with every chunk"
        if activation in self._released:
            return f"activation {name_of(activation)} has ended"
        if self.activation not in (NOBODY, activation):
            return (
                f"activation {name_of(activation)} is not the one that is followed, "
                f"{name_of(self.activation)}: stop all policies but one"
            )
        if activation == self.activation:
            self._heard_ns = now_ns
        known = self._epochs.get(activation)
        if known is not None and epoch < known:
            return f"epoch {epoch} is over, now it is {known}"
        return None

    def far(self, activation: bytes, epoch: int) -> str | None:
        """Why an epoch is implausibly far ahead of the followed one; None where it is not."""
        known = self._epochs.get(activation)
        if known is not None and epoch > known + MOST_EPOCHS_AHEAD:
            return f"epoch {epoch} is far ahead, now it is {known}"
        return None

    def era_of(self, activation: bytes, epoch: int) -> int:
        """The era of a message that is not refused; `follow` begins it."""
        is_new = activation != self.activation or epoch != self._epochs.get(activation)
        return self.era + is_new

    def follow(self, activation: bytes, epoch: int, now_ns: int) -> None:
        """Record that a chunk of an activation and epoch was accepted at `now_ns`."""
        self.era = self.era_of(activation, epoch)
        self.activation, self._heard_ns = activation, now_ns
        self._remember(activation, epoch)

    def cancel(self, activation: bytes, epoch: int, released: bool = False) -> bool:
        """Make everything before an epoch of an activation void, with `released` the whole
        activation.

        Returns:
            Whether the executed motion is void too.
        """
        is_new = released or epoch != self._epochs.get(activation)
        ends_motion = is_new and activation == self.activation
        self.era += ends_motion
        self._remember(activation, epoch)
        if released:
            self._release(activation)
        return ends_motion

    def interrupt(self) -> int:
        """Make all accepted chunks void because somebody else moves the robot; the new era."""
        self.era += 1
        return self.era

    def _release(self, activation: bytes) -> None:
        self._released[activation] = None
        while len(self._released) > REMEMBERED:
            self._released.popitem(last=False)
        if activation == self.activation:
            self.activation = NOBODY

    def look(self, now_ns: int, idle: bool, watchdog_s: float) -> None:
        """Follow no activation once nothing is commanded (`idle`) and none was heard for
        `watchdog_s`."""
        if idle and not 0 <= now_ns - self._heard_ns <= watchdog_s * 1e9:
            self.activation = NOBODY

    def forget(self) -> None:
        """Follow no activation and drop all remembered ones."""
        self.activation = NOBODY
        self._epochs.clear()
        self._released.clear()

    def _remember(self, activation: bytes, epoch: int) -> None:
        self._epochs[activation] = epoch
        self._epochs.move_to_end(activation)
        while len(self._epochs) > REMEMBERED:
            oldest = next(iter(self._epochs))
            if oldest == self.activation:
                self._epochs.move_to_end(oldest)
            else:
                del self._epochs[oldest]


def name_of(activation: bytes) -> str:
    """The first hexadecimal digits of an activation's id, as logs and diagnostics show it."""
    return activation.hex()[:8]
