"""What a node frees goes back to the system, whatever lies beside it."""

from __future__ import annotations

import subprocess
import sys

PICTURES = """
import ctypes
import sys
import psutil
from groot_ros.nodes.process_memory import return_what_is_freed

if sys.argv[1] == "returned":
    return_what_is_freed()
library = ctypes.CDLL(None)
library.malloc.restype = ctypes.c_void_p
library.malloc.argtypes = [ctypes.c_size_t]
library.free.argtypes = [ctypes.c_void_p]

def picture():
    block = library.malloc(640 * 480 * 3)
    ctypes.memset(block, 1, 640 * 480 * 3)
    return block

library.free(picture())
before = psutil.Process().memory_info().rss
pictures = []
for _ in range(100):
    pictures.append(picture())
    # Something small stays behind each of them.
    library.malloc(1000)
for block in pictures:
    library.free(block)
print((psutil.Process().memory_info().rss - before) / 1e6)
"""


def left_mb(mode: str) -> float:
    """What a process that has shown a hundred pictures still holds."""
    command = [sys.executable, "-c", PICTURES, mode]
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def test_pictures_leave_no_holes() -> None:
    assert left_mb("returned") < 5.0 < left_mb("kept")
