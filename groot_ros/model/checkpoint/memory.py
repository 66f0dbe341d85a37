"""How much memory this process used at most, and how much the machine has left."""

from __future__ import annotations

import ctypes
import os
import re
import resource
import sys
from pathlib import Path

import torch

STATUS, RESET = Path("/proc/self/status"), Path("/proc/self/clear_refs")
RESET_PEAK = "5"


def reset_peak() -> None:
    """Give freed memory back and forget the peak so far, where the system can."""
    library = ctypes.CDLL(None)
    if hasattr(library, "malloc_trim"):
        library.malloc_trim(0)
    if RESET.exists():
        RESET.write_text(RESET_PEAK)


def peak_bytes() -> int:
    """Largest resident memory of this process since `reset_peak`."""
    return _status("VmHWM") or resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def resident_bytes() -> int:
    """Resident memory of this process now."""
    return _status("VmRSS") or peak_bytes()


def _status(name: str) -> int:
    if not STATUS.exists():
        return 0
    match = re.search(rf"{name}:\s+(\d+) kB", STATUS.read_text())
    return 0 if match is None else int(match[1]) * 1024


def available_bytes(device: torch.device) -> int:
    """Memory that can still be used on a device; a very large number where that is unknown."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    meminfo = Path("/proc/meminfo")
    if meminfo.exists():
        match = re.search(r"MemAvailable:\s+(\d+) kB", meminfo.read_text())
        if match is not None:
            return int(match[1]) * 1024
    if hasattr(os, "sysconf") and "SC_AVPHYS_PAGES" in os.sysconf_names:
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return sys.maxsize
