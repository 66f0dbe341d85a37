"""What the executor tells the process that keeps it: frames in a pipe.

A frame is a list of calls, pickled, and for the last one of them the bytes of something large,
which nobody copies. Both ends are the same program.
"""

from __future__ import annotations

import pickle
import struct
from collections.abc import Iterator, Sequence
from typing import IO, Any

HEAD = struct.Struct("<QQ")

ToldCall = tuple[Any, ...]
"""Name and arguments."""


def frame(calls: Sequence[ToldCall], large: bytes = b"") -> list[bytes]:
    """The frame of calls, in parts; `large` becomes the last argument of the last one."""
    text = pickle.dumps(calls, pickle.HIGHEST_PROTOCOL)
    return [HEAD.pack(len(text), len(large)) + text, *([large] if large else [])]


def calls(pipe: IO[bytes]) -> Iterator[ToldCall]:
    """The calls of all frames that are whole, until the pipe ends."""
    while len(head := pipe.read(HEAD.size)) == HEAD.size:
        text_size, large_size = HEAD.unpack(head)
        text, large = pipe.read(text_size), pipe.read(large_size)
        if len(text) < text_size or len(large) < large_size:
            return
        *others, last = pickle.loads(text)
        yield from others
        yield (*last, large) if large else last
