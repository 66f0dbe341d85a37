"""The work on single episodes, in this process or side by side in several."""

from __future__ import annotations

import multiprocessing
import shutil
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from multiprocessing.managers import SyncManager
from pathlib import Path
from typing import Any

from groot_ros.codecs.codec import Codec
from groot_ros.data.bags.files import NO_SPACE
from groot_ros.data.bags.fingerprint import bag_fingerprint
from groot_ros.data.bags.reader import open_bag
from groot_ros.data.bags.storage import BagError
from groot_ros.data.clocks.breaks import ClockBreaks
from groot_ros.data.conversion.end_with_parent import end_with_parent
from groot_ros.data.conversion.extract import EpisodeResult, ExtractOptions, extract, read_result
from groot_ros.data.conversion.worker import prepare_worker
from groot_ros.data.playback.episodes import Episode
from groot_ros.data.playback.replay import BagSource
from groot_ros.errors import UserError
from groot_ros.robot.config import RobotConfig

# To tell another process of a single frame takes as long as to decode it.
FRAMES_AT_ONCE = 10


@dataclass(frozen=True)
class Job:
    """An episode to be extracted into a folder."""

    episode: Episode
    robot: RobotConfig
    codec: Codec
    options: ExtractOptions
    folder: Path


@dataclass(frozen=True)
class Failure:
    """A bag, or an episode of it, that was left out."""

    bag: str
    episode: str
    reason: str

    @property
    def sentence(self) -> str:
        """The reason with the bag's name in it."""
        if self.bag in self.reason:
            return self.reason
        name = Path(self.bag).name
        where = name if self.episode in ("", name) else f"{name}, episode {self.episode}"
        return f"{where}: {self.reason}"


Outcome = EpisodeResult | Failure
Done = tuple[Job | Path, list[tuple[Path, Outcome]] | str]
"""A job with its folders and results, or a bag with its fingerprint."""


def run_job(job: Job, progress: Callable[[int], None]) -> list[tuple[Path, Outcome]]:
    """Extract an episode, unless that was done before: folder and result, several of them where
    clocks jump and it is cut there; a bag that is at fault gives a Failure."""
    frames = 0

    def count(more: int) -> None:
        nonlocal frames
        frames += more
        progress(more)

    try:
        return [(job.folder, _run_episode(job, count))]
    except ClockBreaks as breaks:
        progress(-frames)
        return _run_rests(job, breaks, progress)


def _run_rests(
    job: Job, breaks: ClockBreaks, progress: Callable[[int], None]
) -> list[tuple[Path, Outcome]]:
    """Extract what lies between the breaks of clocks, as episodes of their own."""
    found: list[tuple[Path, Outcome]] = []
    for number, (rest, lost) in enumerate(breaks.parts(job.episode, job.options.fps)):
        part = replace(
            job.episode,
            name=f"{job.episode.name}#{number}",
            start_ns=rest.start_ns,
            stop_ns=rest.stop_ns,
        )
        folder = job.folder.with_name(f"{job.folder.name}-{number:03d}")
        options = replace(job.options, lost=lost)
        piece = replace(job, episode=part, folder=folder, options=options)
        try:
            found.append((folder, _run_episode(piece, progress)))
        except ClockBreaks as more:
            found.append((folder, _failure(part, more)))
    return found or [(job.folder, _failure(job.episode, breaks))]


def _failure(episode: Episode, error: BagError) -> Failure:
    return Failure(str(episode.bag), episode.name, str(error))


def _run_episode(job: Job, progress: Callable[[int], None]) -> Outcome:
    if done := read_result(job.folder):
        progress(done.frames)
        return done
    beside = job.folder.with_name(f"{job.folder.name}.new")
    shutil.rmtree(beside, ignore_errors=True)
    try:
        beside.mkdir(parents=True)
        with open_bag(job.episode.bag) as bag:
            source = BagSource(bag, job.robot, job.codec, job.episode.namespace)
            result = extract(
                source, job.episode, options=job.options, folder=beside, progress=progress
            )
        beside.rename(job.folder)
        return result
    except BagError as error:
        shutil.rmtree(beside, ignore_errors=True)
        if isinstance(error, ClockBreaks):
            raise
        return _failure(job.episode, error)
    except OSError as error:
        shutil.rmtree(beside, ignore_errors=True)
        if error.errno in NO_SPACE:
            raise UserError(
                f"cannot write to {job.folder.parent}: {error.strerror}; free space and go on "
                "with --resume"
            ) from error
        raise


def _run_apart(job: Job, tell: Callable[[int], None]) -> list[tuple[Path, Outcome]]:
    """`run_job` in a process of its own, which tells of several frames at once."""
    prepare_worker()
    untold = 0

    def count(more: int) -> None:
        nonlocal untold
        untold += more
        if abs(untold) >= FRAMES_AT_ONCE:
            tell(untold)
            untold = 0

    try:
        return run_job(job, count)
    finally:
        tell(untold)


def run_jobs(
    jobs: Sequence[Job], bags: Sequence[Path], workers: int, progress: Callable[[int], None]
) -> Iterator[Done]:
    """Do jobs and read bags in processes of this machine; each is told as it is ready."""
    if workers <= 1 or not jobs:
        for job in jobs:
            yield job, run_job(job, progress)
        for bag in bags:
            yield bag, bag_fingerprint(bag)
        return
    # A forked process would inherit the threads of libraries in an unknown state.
    context = multiprocessing.get_context("spawn")
    processes = min(workers, len(jobs) + len(bags))
    manager = SyncManager(ctx=context)
    manager.start(end_with_parent)
    with manager, ProcessPoolExecutor(processes, context, end_with_parent) as pool:
        queue = manager.Queue()
        listener = threading.Thread(target=_listen, args=(queue, progress), daemon=True)
        listener.start()
        futures: dict[Future[Any], Job | Path] = {}
        for job in jobs:
            futures[pool.submit(_run_apart, job, queue.put)] = job
        for bag in bags:
            futures[pool.submit(bag_fingerprint, bag)] = bag
        try:
            for future in as_completed(futures):
                yield futures[future], future.result()
        except BrokenProcessPool as error:
            raise UserError(
                "a worker process was killed, most likely for want of memory: go on with "
                "--resume and fewer --workers"
            ) from error
        finally:
            pool.shutdown(cancel_futures=True)
            queue.put(None)
            listener.join()


def _listen(queue: Any, progress: Callable[[int], None]) -> None:
    while (frames := queue.get()) is not None:
        progress(frames)
