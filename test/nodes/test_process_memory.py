"""What a node frees goes back to the system, whatever lies beside it, and is used again first."""

from __future__ import annotations

import json
import subprocess
import sys

PICTURES = """
import ctypes
import json
import resource
import sys
import psutil
from groot_ros import allocator
from groot_ros.nodes.process_memory import ProcessMemory

memory = ProcessMemory()
library = ctypes.CDLL(None)
library.malloc.restype = ctypes.c_void_p
library.malloc.argtypes = [ctypes.c_size_t]
library.free.argtypes = [ctypes.c_void_p]

def picture():
    block = library.malloc(640 * 480 * 3)
    ctypes.memset(block, 1, 640 * 480 * 3)
    return block

def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

library.free(picture())
faults_before, rss_before = faults(), psutil.Process().memory_info().rss
for _ in range(100):
    library.free(picture())
new_pages = faults() - faults_before

pictures = []
for _ in range(100):
    pictures.append(picture())
    # Something small stays behind each of them.
    library.malloc(1000)
for block in pictures:
    library.free(block)
allocator.give_back()
print(json.dumps([new_pages, (psutil.Process().memory_info().rss - rss_before) / 1e6]))
"""


def test_pictures_leave_no_holes_and_need_no_new_pages() -> None:
    command = [sys.executable, "-c", PICTURES]
    ended = subprocess.run(command, capture_output=True, text=True, check=True)
    new_pages, left_mb = json.loads(ended.stdout)
    # A picture has 225 pages.
    assert new_pages < 225 * 10
    assert left_mb < 5.0
