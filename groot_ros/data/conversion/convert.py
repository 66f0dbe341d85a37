"""Bags to a dataset."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

from groot_ros.codecs.catalog import find_codec
from groot_ros.codecs.codec import Timing
from groot_ros.codecs.keys import FASTEST_FPS
from groot_ros.data.bags.episode_info import SUCCESS
from groot_ros.data.bags.files import NO_SPACE, bag_files, find_bags
from groot_ros.data.bags.reader import open_bag
from groot_ros.data.bags.storage import BagError
from groot_ros.data.conversion.append import open_base, put_in_place, restore, sort_bags
from groot_ros.data.conversion.assembly import Recipe, assemble
from groot_ros.data.conversion.bag_edits import Carried
from groot_ros.data.conversion.extract import EpisodeResult, ExtractOptions
from groot_ros.data.conversion.jobs import Done, Failure, Job, run_jobs
from groot_ros.data.conversion.outcome import ConversionProgress, Report
from groot_ros.data.conversion.ray_jobs import run_jobs_on_ray
from groot_ros.data.conversion.settings import RAY, Conversion
from groot_ros.data.datasets.edits import carry_edits
from groot_ros.data.datasets.reader import Dataset
from groot_ros.data.playback.episodes import Episode, find_episodes
from groot_ros.data.playback.topics import wanted_labels
from groot_ros.data.review.report import write_report
from groot_ros.errors import UserError
from groot_ros.files.folder_lock import folder_lock, waiting_lock
from groot_ros.files.part import part_path
from groot_ros.options import told
from groot_ros.robot.config import load_robot

PLAN = "plan.json"


def convert(conversion: Conversion, progress: ConversionProgress | None = None) -> Report:
    """Write the dataset; UserError before anything is written when that cannot be.

    Works in `<output>.part`, which an interrupted run leaves behind for `resume`.
    """
    return _Run(conversion, progress or ConversionProgress()).run()


def _check_choices(conversion: Conversion) -> None:
    for field in fields(conversion):
        option, value = told(field), getattr(conversion, field.name)
        if option and option.choices and value not in (*option.choices, field.default):
            raise UserError(
                f"{field.name} is {value!r}, expected one of {', '.join(option.choices)}"
            )


class _Run:
    def __init__(self, conversion: Conversion, progress: ConversionProgress) -> None:
        self._progress = progress
        self._conversion = c = conversion
        robot, variant, output = load_robot(c.robot), find_codec(c.codec), c.output
        fps = variant.fps if c.fps is None else c.fps
        if not 1 <= fps <= FASTEST_FPS:
            raise UserError(f"fps is {fps}, expected 1 to {FASTEST_FPS}")
        codec = variant.codec(robot, Timing(variant.horizon, round(1e9 / fps)))
        wanted_labels(robot, codec)
        _check_choices(c)
        self._report = Report(str(output))
        if not output.name:
            raise UserError(f"output '{output}' has no name: give a folder that is to be made")
        self._recipe = Recipe(
            robot=robot,
            variant=variant,
            codec=codec,
            fps=fps,
            relative=c.relative,
            format=c.format,
        )
        self._part = part_path(output)
        self._base: Dataset | None = None
        self._fingerprints: dict[Path, str] = {}
        self._read: list[Path] = []
        self._discarded: list[Path] = []

    def run(self) -> Report:
        bags = find_bags(self._conversion.bags)
        with self._writing():
            fresh = not self._part.exists()
            self._part.mkdir(parents=True, exist_ok=True)
            with folder_lock(self._part):
                try:
                    bags = self._prepare(bags, fresh)
                    episodes = self._plan(bags)
                except UserError:
                    if fresh:
                        shutil.rmtree(self._part)
                    raise
                return self._convert(bags, episodes)

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """What a disk refuses, in a sentence."""
        try:
            yield
        except OSError as error:
            if error.errno in NO_SPACE:
                raise UserError(
                    f"cannot write to {self._part}: {error.strerror}; free space and go on with "
                    "--resume"
                ) from error
            raise UserError(
                f"{error.filename or self._part} cannot be read or written ({error.strerror}): "
                "choose another --output, or mend that"
            ) from error

    def _convert(self, bags: Sequence[Path], episodes: Sequence[Episode]) -> Report:
        if self._base and not bags:
            self._report.frames = self._base.info["total_frames"]
            shutil.rmtree(self._part)
            return self._report
        results, fingerprints = self._extract(episodes)
        if not results:
            shutil.rmtree(self._part)
            reasons = [failure.sentence for failure in self._report.failures]
            nothing = "nothing is left of them" if self._report.discarded else "none is a success"
            what = "; ".join(reasons) or nothing
            raise UserError(f"no episode could be converted: {what}")
        self._assemble(results, fingerprints)
        return self._report

    def _prepare(self, bags: list[Path], fresh: bool) -> list[Path]:
        """The bags to convert, once it is certain that they may be and a plan is written."""
        output, part = self._conversion.output, self._part
        restore(output, part)
        if not fresh and not self._conversion.resume:
            raise UserError(
                f"{part} is left over from a conversion that was interrupted: go on with "
                "--resume or delete it"
            )
        if self._conversion.append:
            self._base = open_base(output, self._recipe)
            found = sort_bags(bags, self._base)
            bags, self._fingerprints = list(found.new), found.new
            self._report.known = [str(bag) for bag in found.known]
        elif output.exists():
            raise UserError(
                f"{output} exists already and is never overwritten: choose another --output, or "
                "add to it with --append"
            )
        plan = self._intent(bags)
        path = part / PLAN
        if bags and path.exists() and json.loads(path.read_text()) != plan:
            raise UserError(
                f"{part} was begun with other bags or options: repeat those, or delete it"
            )
        path.write_text(json.dumps(plan))
        return bags

    def _intent(self, bags: Sequence[Path]) -> dict[str, Any]:
        c, r = self._conversion, self._recipe
        files = [file for bag in bags for file in bag_files(bag)]
        chosen = (c.choice, c.trim_idle, c.edits, c.only, c.drop_before_takeover_s)
        return {
            "bags": [[str(f), f.stat().st_size, f.stat().st_mtime_ns] for f in files],
            "options": repr((r.robot, r.variant.values, r.fps, *chosen)),
        }

    def _plan(self, bags: Sequence[Path]) -> list[Episode]:
        episodes: list[Episode] = []
        asked = self._conversion.edits
        edits = Carried(asked) if asked else None
        choice = replace(self._conversion.choice, change=edits)
        for path in bags:
            try:
                with open_bag(path) as bag:
                    episodes += find_episodes(bag, choice)
                    self._read.append(bag.path)
            except BagError as error:
                self._fail(Failure(str(path), "", str(error)))
        if edits:
            # Their bags stay known, so that --append does not bring them back.
            self._discarded = [episode.bag for episode in edits.discarded]
            self._report.discarded = [episode.name for episode in edits.discarded]
            if not self._base:
                edits.check()
        if self._conversion.only_success:
            self._report.skipped = [e.name for e in episodes if e.outcome != SUCCESS]
            episodes = [e for e in episodes if e.outcome == SUCCESS]
        estimate = sum(episode.duration_s * self._recipe.fps for episode in episodes)
        self._progress.plan(len(episodes), round(estimate))
        return episodes

    def _fail(self, failure: Failure) -> None:
        self._report.failures.append(failure)
        self._progress.episode(failure)

    def _run_jobs(
        self, jobs: Sequence[Job], bags: Sequence[Path], count: Callable[[int], None]
    ) -> Iterator[Done]:
        if self._conversion.engine == RAY:
            return run_jobs_on_ray(jobs, bags, count)
        return run_jobs(jobs, bags, self._conversion.workers, count)

    def _extract(
        self, episodes: Sequence[Episode]
    ) -> tuple[list[tuple[Path, EpisodeResult]], dict[str, str]]:
        """Work folders and results in the order of the episodes, their bags' fingerprints."""
        recipe = self._recipe
        asked = self._conversion
        options = ExtractOptions(
            recipe.fps,
            asked.trim_idle,
            only=asked.only,
            drop_before_takeover_s=asked.drop_before_takeover_s,
        )
        jobs = [
            Job(
                episode=episode,
                robot=recipe.robot,
                codec=recipe.codec,
                options=options,
                folder=self._work_folder(index),
            )
            for index, episode in enumerate(episodes)
        ]
        if edits := self._conversion.edits:
            step_ns = recipe.codec.timing.step_ns
            left_out = [edits.left_out_ns(job.episode, step_ns) for job in jobs]
            jobs = [
                replace(job, options=replace(options, left_out_ns=ranges))
                for job, ranges in zip(jobs, left_out, strict=True)
            ]
        results: dict[Path, EpisodeResult] = {}
        used = {*(episode.bag for episode in episodes), *self._discarded}
        bags = [bag for bag in self._read if bag in used]
        unread = [bag for bag in bags if bag not in self._fingerprints]
        count = self._progress.frames
        for work, outcome in self._run_jobs(jobs, unread, count):
            if isinstance(outcome, str):
                assert isinstance(work, Path)
                self._fingerprints[work] = outcome
                continue
            for folder, result in outcome:
                if isinstance(result, Failure):
                    self._fail(result)
                else:
                    results[folder] = result
                    self._progress.episode(result)
        done = sorted(results.items())
        return done, {str(bag): self._fingerprints[bag] for bag in bags}

    def _work_folder(self, index: int) -> Path:
        return self._part / "episodes" / f"{index:06d}"

    def _assemble(
        self, results: Sequence[tuple[Path, EpisodeResult]], fingerprints: dict[str, str]
    ) -> None:
        folder = self._part / "dataset"
        shutil.rmtree(folder, ignore_errors=True)
        left_out = [asdict(failure) for failure in self._report.failures]
        self._report.frames = assemble(
            folder,
            self._recipe,
            episodes=results,
            fingerprints=fingerprints,
            left_out=left_out,
            base=self._base,
        )
        self._report.episodes = [result for _, result in results]
        output = self._conversion.output
        write_report(Dataset(folder), output.name)
        with waiting_lock(output / "meta") if self._base else nullcontext():
            carry_edits(output, folder)
            put_in_place(folder, output, self._part)
        shutil.rmtree(self._part)
