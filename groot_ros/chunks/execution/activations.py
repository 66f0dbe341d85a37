"""Whom an executor follows: one activation of one policy, epoch by epoch."""

from __future__ import annotations

from collections import OrderedDict

ACTIVATION_BYTES = 16
NOBODY = bytes(ACTIVATION_BYTES)
# A policy that resets ten times a second has not been heard for minutes when it is so far ahead.
MOST_EPOCHS_AHEAD = 1000
# Activations whose epochs are remembered: that of a policy, and a few that it replaced.
REMEMBERED = 16


class FollowedActivation:
    """Follows the activation whose chunk was accepted first, until it is released or gone.

    This keeps order among policies that were started by mistake; it is no protection, since
    whoever can publish can copy an id. Epochs count within an activation. An *era* is an epoch of
    an activation as the executor counts them, so that eras grow whoever is followed.

    Not safe for several threads: whoever owns it guards it.
    """

    def __init__(self) -> None:
        self.activation = NOBODY
        self.era = 0
        self._heard_ns = 0
        self._epochs: OrderedDict[bytes, int] = OrderedDict()
        self._released: OrderedDict[bytes, None] = OrderedDict()

    @property
    def epoch(self) -> int:
        """The epoch of the activation that is followed, 0 for none."""
        return self._epochs.get(self.activation, 0) if self.activation != NOBODY else 0

    def refusal(self, activation: bytes, epoch: int, now_ns: int) -> str | None:
        """Why a message of an activation has no say; None if it has."""
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
        """Why an epoch of an activation cannot be meant; None if it can."""
        known = self._epochs.get(activation)
        if known is not None and epoch > known + MOST_EPOCHS_AHEAD:
            return f"epoch {epoch} is far ahead, now it is {known}"
        return None

    def era_of(self, activation: bytes, epoch: int) -> int:
        """The era of a message that has a say; it begins with `follow`."""
        is_new = activation != self.activation or epoch != self._epochs.get(activation)
        return self.era + is_new

    def follow(self, activation: bytes, epoch: int, now_ns: int) -> None:
        """A chunk was accepted: from now on its activation is the one."""
        self.era = self.era_of(activation, epoch)
        self.activation, self._heard_ns = activation, now_ns
        self._remember(activation, epoch)

    def cancel(self, activation: bytes, epoch: int, released: bool = False) -> bool:
        """What an activation sent before an epoch is void, with `released` all that it sends;
        whether a motion is, too."""
        is_new = released or epoch != self._epochs.get(activation)
        ends_motion = is_new and activation == self.activation
        self.era += ends_motion
        self._remember(activation, epoch)
        if released:
            self._release(activation)
        return ends_motion

    def interrupt(self) -> int:
        """Somebody else moves the robot: what was accepted so far is void; the new era."""
        self.era += 1
        return self.era

    def _release(self, activation: bytes) -> None:
        self._released[activation] = None
        while len(self._released) > REMEMBERED:
            self._released.popitem(last=False)
        if activation == self.activation:
            self.activation = NOBODY

    def look(self, now_ns: int, idle: bool, watchdog_s: float) -> None:
        """Follow nobody once nothing is commanded and the policy was silent for the watchdog."""
        if idle and not 0 <= now_ns - self._heard_ns <= watchdog_s * 1e9:
            self.activation = NOBODY

    def forget(self) -> None:
        """Follow nobody, and remember nothing of anybody."""
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
    """The first digits of an id, as in logs and diagnostics."""
    return activation.hex()[:8]
