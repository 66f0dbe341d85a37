"""The work on single episodes as tasks of a Ray cluster, whose machines share bags and output.

The cluster is that of RAY_ADDRESS, else the one that runs on this machine, else one that Ray
starts here for the time of the conversion
(https://docs.ray.io/en/latest/ray-core/starting-ray.html). A task takes a CPU; Ray tries one again
whose machine or process died.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from groot_ros.data.bags.fingerprint import bag_fingerprint
from groot_ros.data.conversion.jobs import Done, Job, Outcome, run_job
from groot_ros.data.conversion.worker import prepare_worker
from groot_ros.errors import UserError


def run_jobs_on_ray(
    jobs: Sequence[Job], bags: Sequence[Path], progress: Callable[[int], None]
) -> Iterator[Done]:
    """`run_jobs` on a Ray cluster; frames are told when their episode is done.

    UserError where the cluster cannot be reached, or a task is lost more often than Ray tries.
    """
    # Of a cluster that Ray starts here nothing is reported to its makers; another's own setting
    # counts.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    import ray
    from ray.exceptions import RayError, RayTaskError

    try:
        ray.init(include_dashboard=False, log_to_driver=False, logging_level="error")
    except (ConnectionError, RuntimeError, ValueError) as error:
        raise UserError(f"the Ray cluster cannot be reached: {error}") from error
    task, here = ray.remote(_in_folder), os.getcwd()
    pending: dict[Any, Job | Path] = {task.remote(here, _counted, job): job for job in jobs}
    pending |= {task.remote(here, bag_fingerprint, bag): bag for bag in bags}
    try:
        while pending:
            (ready,), _ = ray.wait(list(pending))
            work, found = pending.pop(ready), ray.get(ready)
            if isinstance(work, Job):
                frames, found = found
                progress(frames)
            yield work, found
    except RayTaskError as error:
        raise error.cause from None
    except RayError as error:
        raise UserError(
            f"a task on the Ray cluster was lost ({str(error).splitlines()[0]}): go on with "
            "--resume"
        ) from error
    finally:
        for task in pending:
            ray.cancel(task, force=True)
        ray.shutdown()


def _in_folder(folder: str, work: Callable[[Any], Any], what: Job | Path) -> Any:
    """Work in the folder of whoever asked, to which paths are relative."""
    os.chdir(folder)
    return work(what)


def _counted(job: Job) -> tuple[int, list[tuple[Path, Outcome]]]:
    """`run_job`, and how many frames it told of."""
    prepare_worker()
    frames = 0

    def count(more: int) -> None:
        nonlocal frames
        frames += more

    found = run_job(job, count)
    return frames, found
