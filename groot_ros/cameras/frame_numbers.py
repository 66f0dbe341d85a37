"""Pictures of H.264 that are missing, which its decoder makes up without a word.

Every reference picture counts on by one (frame_num, ITU-T H.264 (08/2021) 7.4.3), so that the
next one tells that one was lost. H.265 names the pictures that it needs, and its decoder fails.
"""

from __future__ import annotations

from dataclasses import dataclass

from groot_ros.cameras.units import H264_IDR, H264_SPS, Packet

# Profiles whose parameter sets tell chroma and scaling lists, 7.3.2.1.1.
_HIGH_PROFILES = {100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135}
_CHROMA_444 = 3


class _Bits:
    """Numbers out of a unit's bytes; ValueError behind its end."""

    def __init__(self, data: bytes) -> None:
        # 7.4.1: after two zeros a 3 keeps them from looking like a start code.
        plain = data.replace(b"\x00\x00\x03", b"\x00\x00")
        self._value = int.from_bytes(plain)
        self._left = 8 * len(plain)

    def unsigned(self, bits: int) -> int:
        self._left -= bits
        return self._value >> self._left & (1 << bits) - 1

    def golomb(self) -> int:
        """ue(v), 9.1."""
        zeros = 0
        while not self.unsigned(1):
            zeros += 1
        return (1 << zeros) - 1 + self.unsigned(zeros)

    def signed_golomb(self) -> int:
        """se(v), 9.1.1."""
        value = self.golomb()
        return (value + 1) // 2 if value % 2 else -(value // 2)


@dataclass(frozen=True)
class _Sequence:
    """What a sequence parameter set says of frame_num."""

    frame_num_bits: int
    has_planes: bool
    may_skip: bool


class FrameNumbers:
    """Follows the numbers of one stream."""

    def __init__(self) -> None:
        self._sequence: _Sequence | None = None
        self._last = 0

    def misses(self, packet: Packet) -> bool:
        """Whether a picture is missing before this packet; False where it cannot be told."""
        try:
            return self._misses(packet)
        except ValueError:
            return False

    def _misses(self, packet: Packet) -> bool:
        for head in packet.heads:
            if head[0] & 0x1F == H264_SPS:
                self._sequence = _read_sequence(_Bits(head[1:]))
        if not packet.has_picture or self._sequence is None:
            return False
        head = packet.heads[-1]
        is_reference = bool(head[0] >> 5 & 3)
        number = _frame_num(_Bits(head[1:]), self._sequence)
        before, period = self._last, 1 << self._sequence.frame_num_bits
        if is_reference:
            self._last = number
        if packet.is_key or head[0] & 0x1F == H264_IDR or self._sequence.may_skip:
            return False
        # The same number again: the second field of a picture.
        return number not in (before, (before + 1) % period)


def _read_sequence(bits: _Bits) -> _Sequence:
    """7.3.2.1.1, as far as gaps_in_frame_num_value_allowed_flag."""
    profile = bits.unsigned(8)
    bits.unsigned(16)
    bits.golomb()
    has_planes = False
    if profile in _HIGH_PROFILES:
        chroma = bits.golomb()
        has_planes = chroma == _CHROMA_444 and bits.unsigned(1) == 1
        bits.golomb()
        bits.golomb()
        bits.unsigned(1)
        if bits.unsigned(1):
            for index in range(12 if chroma == _CHROMA_444 else 8):
                if bits.unsigned(1):
                    _skip_scaling_list(bits, 16 if index < 6 else 64)
    frame_num_bits = bits.golomb() + 4
    order = bits.golomb()
    if order == 0:
        bits.golomb()
    elif order == 1:
        bits.unsigned(1)
        bits.golomb()
        bits.golomb()
        for _ in range(bits.golomb()):
            bits.golomb()
    bits.golomb()
    return _Sequence(frame_num_bits, has_planes, may_skip=bits.unsigned(1) == 1)


def _skip_scaling_list(bits: _Bits, size: int) -> None:
    """7.3.2.1.1.1."""
    last = following = 8
    for _ in range(size):
        if following:
            following = (last + bits.signed_golomb() + 256) % 256
        last = following or last


def _frame_num(bits: _Bits, sequence: _Sequence) -> int:
    """7.3.3."""
    for _ in range(3):
        bits.golomb()
    if sequence.has_planes:
        bits.unsigned(2)
    return bits.unsigned(sequence.frame_num_bits)
