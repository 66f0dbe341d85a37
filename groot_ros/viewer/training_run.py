"""A training run on the page: what `groot-ros train` writes of it, and the sheet that shows it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from groot_ros.errors import UserError
from groot_ros.files.config_file import read_json
from groot_ros.files.shell import quoted
from groot_ros.files.whole_file import write_whole
from groot_ros.model.checkpoint.metadata import EMBODIMENTS
from groot_ros.policies.checkpoint.folder import OWN_METADATA, checkpoint_steps
from groot_ros.viewer.sheet import Chart, Sheet, SheetCurve, chunk_samples, freeze
from groot_ros.viewer.subject import Json, shown_path

FILE, REPORT = "training.json", "report.html"
FORMAT = 1
REMEDY = "go on with groot-ros train --resume, which writes it again"
RUNNING, DONE = "running", "done"
MEASURED = "eval_share_of_mean"
"""Logged at every measurement of the held-out episodes: error as a share of the mean action's."""
# Of a checkpoint, in which they lie for runs that wrote no training.json.
TRAINER_STATE, CONFIG = "trainer_state.json", "train.json"


@dataclass(frozen=True, kw_only=True)
class TrainingRun:
    """All that is known of a run; JSON as it lies in its folder."""

    config: Mapping[str, Any]
    """Options of the training by name."""
    codec: str
    dataset: Mapping[str, Any]
    """Episodes, frames and held_out, the indices of those that are not trained on."""
    about: Sequence[str] = ()
    """Sentences about network and samples."""
    state: str
    """running, done, or why it ended before."""
    step: int
    log: Sequence[Mapping[str, float]]
    """What transformers' Trainer logged, in order: loss, learning_rate, eval_*, each with step."""
    predictions: Json
    """Of the newest measurement: `step`, and `samples` with episode, frame and `keys`, each with
    name, names, predicted and recorded (H, D); empty where nothing is held out."""
    written_s: float | None = None
    format: int = FORMAT

    def write(self, folder: Path) -> None:
        """Write `training.json` and `report.html`, each beside first."""
        write_whole(folder / FILE, json.dumps(asdict(self), separators=(",", ":")) + "\n")
        write_whole(folder / REPORT, freeze(self.sheet(folder)))

    @classmethod
    def read(cls, folder: Path) -> TrainingRun:
        """What a run wrote, or what its newest checkpoint knows; UserError where that is amiss."""
        path = folder / FILE
        if not path.is_file():
            return cls._of_checkpoint(_checkpoints(folder)[-1])
        content = read_json(path, REMEDY)
        try:
            if content["format"] != FORMAT:
                raise UserError(f"{path} has format {content['format']}, expected {FORMAT}")
            run = cls(**content)
            run.sheet(folder)
        except UserError:
            raise
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            raise UserError(f"{path} is no record of a training ({error!r}): {REMEDY}") from None
        return run

    @classmethod
    def _of_checkpoint(cls, folder: Path) -> TrainingRun:
        state, config, own = (
            read_json(folder / name, "it is no checkpoint of groot-ros train")
            for name in (TRAINER_STATE, CONFIG, OWN_METADATA)
        )
        done = state["global_step"] >= config["num_train_steps"]
        return cls(
            config=config,
            codec=", ".join(own[EMBODIMENTS]) if EMBODIMENTS in own else own["variant"],
            dataset=own["dataset"],
            state=DONE if done else "as of its newest checkpoint",
            step=state["global_step"],
            log=state["log_history"],
            predictions={},
        )

    @property
    def _datasets(self) -> list[str]:
        """Paths of those that are trained on."""
        paths = self.config["input_path"]
        return [paths] if isinstance(paths, str) else list(map(str, paths))

    def sheet(self, folder: Path) -> Sheet:
        """The page of the run in a folder, with the checkpoints that lie there now."""
        steps = self.config["num_train_steps"]
        percent = 100 * self.step / max(1, steps)
        checkpoints = _checkpoints(folder)
        marks = {path.name: float(path.name.rpartition("-")[2]) for path in checkpoints}
        samples = chunk_samples(self.predictions.get("samples", []))
        return Sheet(
            title=str(self.config["exp_name"]),
            path=shown_path(folder.resolve()),
            state=f"{self.state}: step {self.step} of {steps} ({percent:.0f} %)",
            written_s=self.written_s if self.state == RUNNING else None,
            facts=[*self._facts(), ("checkpoints (dotted)", ", ".join(marks) or "none yet")],
            charts=list(self._charts(marks)),
            samples_title=(
                f"Chunks of held-out episodes at step {self.predictions['step']}: predicted, and "
                "recorded dashed"
                if samples
                else ""
            ),
            samples=samples,
            table=self._table(),
            commands=list(self._commands(folder, checkpoints)),
        )

    def _facts(self) -> Iterator[tuple[str, str]]:
        config, dataset = self.config, self.dataset
        yield "dataset", ", ".join(self._datasets)
        held_out = ", ".join(map(str, dataset.get("held_out", [])))
        yield "episodes", f"{dataset['episodes']}, {dataset['frames']} frames"
        yield (
            "held out",
            f"episodes {held_out}" if held_out else "none: --eval_episodes N holds some out",
        )
        yield "codec", self.codec
        yield "base model", str(config["init_from"] or config["base_model"])
        parts = [
            name.removeprefix("tune_")
            for name, is_on in config.items()
            if name.startswith("tune_") and is_on
        ]
        yield "trained parts", "LoRA" if config["lora"] else ", ".join(parts)
        yield "batch size", str(config["batch_size"])
        yield "highest learning rate", f"{config['learning_rate']:g}"
        if self.about:
            yield "network", "; ".join(self.about)

    def _charts(self, marks: Mapping[str, float]) -> Iterator[Chart]:
        yield from self._chart("Loss", {"loss": ("loss", 1)}, marks, is_logarithmic=True)
        yield from self._chart(
            "Held-out action error, % of what the mean action has",
            {"held out": (MEASURED, 100)},
            marks,
        )
        yield from self._chart(
            "Held-out position error at the end of a chunk, mm",
            {
                "held out": ("eval_position_error_m", 1000),
                "mean action": ("eval_position_error_of_mean_m", 1000),
            },
            marks,
        )
        yield from self._chart("Learning rate", {"rate": ("learning_rate", 1)}, marks)

    def _chart(
        self,
        title: str,
        curves: Mapping[str, tuple[str, float]],
        marks: Mapping[str, float],
        is_logarithmic: bool = False,
    ) -> Iterator[Chart]:
        """A chart of what was logged under some names, each with its scale; none without."""
        first = next(iter(curves.values()))[0]
        # A run that went on from a checkpoint has steps twice: the newer ones count.
        rows = {entry["step"]: entry for entry in self.log if first in entry}
        if rows:
            yield Chart(
                title=title,
                steps=sorted(rows),
                curves=[
                    SheetCurve(
                        name=name,
                        values=[
                            scale * rows[step].get(key, float("nan")) for step in sorted(rows)
                        ],
                        is_dashed=name == "mean action",
                    )
                    for name, (key, scale) in curves.items()
                ],
                marks=marks,
                is_logarithmic=is_logarithmic,
            )

    def _table(self) -> list[tuple[str, ...]]:
        """Held-out error of each number of the action, at first and now."""
        measured = [entry for entry in self.log if MEASURED in entry]
        if not measured:
            return []
        first, last = measured[0], measured[-1]
        head = ("mean error, held out", f"step {first['step']}", f"step {last['step']}")
        names = [name for name in last if name.startswith("eval_mae/")]
        return [
            head,
            *(
                (name.removeprefix("eval_mae/"), f"{first[name]:.4g}", f"{last[name]:.4g}")
                for name in names
            ),
        ]

    def _commands(self, folder: Path, checkpoints: Sequence[Path]) -> Iterator[tuple[str, str]]:
        """What to do next."""
        run = quoted(folder)
        if self.state != DONE and checkpoints:
            yield (
                "go on where it ended, if it ended",
                f"groot-ros train --resume --config {run}/{checkpoints[-1].name}/{CONFIG}",
            )
        if checkpoints:
            for dataset in map(quoted, self._datasets):
                yield (
                    "compare with recorded actions",
                    f"groot-ros evaluate --open-loop --checkpoint {run} --dataset {dataset}",
                )
            for codec in self.codec.split(", "):
                yield "serve it", f"groot-ros serve {quoted(codec)} --checkpoints_dir {run}"


def is_training(folder: Path) -> bool:
    """Whether a folder is a run of `groot-ros train`."""
    return folder.is_dir() and ((folder / FILE).is_file() or bool(_checkpoints(folder)))


def _checkpoints(folder: Path) -> list[Path]:
    """Those of `groot-ros train`, the oldest first."""
    found = sorted(checkpoint_steps(folder).items()) if folder.is_dir() else []
    return [path for _, path in found if (path / TRAINER_STATE).is_file()]
