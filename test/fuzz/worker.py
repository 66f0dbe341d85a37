"""One surface under attack: what counts as a find, and the limits on a case."""

from __future__ import annotations

import importlib
import itertools
import os
import resource
import signal
import sys
import time
import traceback
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from __main__ import again
from groot_ros.errors import UserError

# Where the bags are made that surfaces damage.
sys.path.append(str(Path(__file__).parents[1] / "unit" / "data"))
# Of one case: what it may allocate beyond what the surface took before, and the CPU's time.
CASE_BYTES = 1 << 30
CASE_CPU_S = 30.0
MOST_FINDS = 50


class Surface(Protocol):
    """Valid examples and a way in; made in an empty folder."""

    refusals: tuple[type[BaseException], ...]
    """How it says no; everything else is a find."""

    def attack(self, rng: np.random.Generator) -> None:
        """Feed one hostile example, drawn from `rng` alone."""


class TooSlow(BaseException):
    """A case took more than CASE_CPU_S; no handler of the code under attack catches it."""


class Worker:
    """Attacks a surface and writes what it finds."""

    def __init__(self, name: str, seed: int, folder: Path, finds: Path) -> None:
        self._name = name
        self._seed = seed
        self._folder = folder
        self._finds = finds
        self._kinds: set[str] = set()

    def run(self, seconds: float, only: int | None) -> int:
        """Number of different finds."""
        work = self._folder / "work"
        work.mkdir()
        signal.signal(signal.SIGPROF, _give_up)
        surface: Surface = importlib.import_module(self._name).Surface(work)
        self._attack(surface, 0)
        before = _resident_bytes()
        _limit_memory()
        end_s = time.monotonic() + seconds
        cases = itertools.count(1) if only is None else iter([only])
        count = 0
        for case in cases:
            if only is None and (time.monotonic() > end_s or len(self._kinds) >= MOST_FINDS):
                break
            (self._folder / "case").write_text(str(case))
            self._attack(surface, case)
            count += 1
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        print(
            f"{self._name:12s} {count:7d} cases, {len(self._kinds)} finds, "
            f"{before / 2**20:.0f} MiB before, {peak / 2**20:.0f} MiB at most",
            flush=True,
        )
        (self._folder / "done").touch()
        return len(self._kinds)

    def _rng(self, case: int) -> np.random.Generator:
        return np.random.default_rng([self._seed, case])

    def _attack(self, surface: Surface, case: int) -> None:
        signal.setitimer(signal.ITIMER_PROF, CASE_CPU_S)
        try:
            surface.attack(self._rng(case))
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:
            # Whoever wraps what ran out of memory has asked for too much before.
            hungry = any(isinstance(cause, MemoryError) for cause in _causes(error))
            if hungry or not isinstance(error, surface.refusals):
                self._report(case, error)
            elif isinstance(error, UserError) and len(str(error)) > 5000:
                long = AssertionError(f"a sentence of {len(str(error))} letters")
                self._report(case, long.with_traceback(error.__traceback__))
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)

    def _report(self, case: int, error: BaseException) -> None:
        frames = traceback.extract_tb(error.__traceback__)
        place = next((f for f in reversed(frames) if "/groot_ros/" in f.filename), frames[-1])
        kind = f"{type(error).__name__} at {os.path.basename(place.filename)}:{place.lineno}"
        if kind in self._kinds:
            return
        self._kinds.add(kind)
        command = again(self._name, self._seed, case)
        self._finds.mkdir(parents=True, exist_ok=True)
        text = "".join(traceback.format_exception(error))
        (self._finds / f"{self._name}-{case}.txt").write_text(f"{command}\n\n{text[-20_000:]}")
        print(f"{self._name}: {kind}: {str(error)[:160]!r}; again: {command}", flush=True)


def _causes(error: BaseException | None) -> Any:
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__


def _give_up(*_: object) -> None:
    raise TooSlow(f"more than {CASE_CPU_S:g} s of the CPU")


def _resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def _limit_memory() -> None:
    mapped = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (mapped + CASE_BYTES,) * 2)
