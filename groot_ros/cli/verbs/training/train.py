"""`groot-ros train`: train GR00T on a dataset."""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from groot_ros.cli.arguments import add_options, add_settings, given_settings, read_options
from groot_ros.cli.command import Command
from groot_ros.cli.ending import Ending
from groot_ros.errors import UserError
from groot_ros.files.shell import quoted
from groot_ros.options import option
from groot_ros.training.config import TrainConfig, make_config, read_yaml


@dataclass(frozen=True, kw_only=True)
class Options:
    """Of `groot-ros train`: what a file says, and what was given over it."""

    config: Path | None = option("options by name", default=None, metavar="FILE.yaml")
    push: str = option(
        "give the trained checkpoint to the Hugging Face Hub, as groot-ros push does; whether it "
        "takes it is asked before the training",
        default="",
        metavar="OWNER/NAME",
    )
    given: Mapping[str, Any] = field(default_factory=dict)


def add(parser: argparse.ArgumentParser, cls: type[Options]) -> None:
    """Also those of a training itself, which the file may say as well."""
    add_options(parser, cls)
    add_settings(parser, TrainConfig)


def read(cls: type[Options], namespace: argparse.Namespace) -> Options:
    given = given_settings(TrainConfig, namespace)
    return replace(read_options(cls, namespace), given=given)


def run(options: Options) -> int | Ending:
    file = read_yaml(options.config) if options.config else {}
    config = make_config({**file, **options.given})
    from groot_ros.files.hub import open_page
    from groot_ros.training.run import train
    from groot_ros.viewer.training_run import REPORT

    is_first = os.environ.get("RANK", "0") == "0"
    if options.push and is_first:
        open_page(options.push, "model", is_private=False)
    checkpoint = train(config)
    if not is_first:
        return 0
    report = config.run_path / REPORT
    datasets = " ".join(quoted(path) for path, _, _ in config.inputs)
    return Ending(
        made=[checkpoint, report],
        said=[
            f"wrote {checkpoint}",
            f"its curves and predictions: {report}",
            *_pushed(options.push, checkpoint, config),
        ],
        next={
            "look at it": f"groot-ros view {quoted(config.run_path)}",
            "compare it": f"groot-ros evaluate --open-loop --checkpoint {quoted(checkpoint)} "
            f"--dataset {datasets}",
        },
    )


def _pushed(repo: str, checkpoint: Path, config: TrainConfig) -> list[str]:
    """What to say of a checkpoint at the hub, which one of half a training does not get to."""
    from groot_ros.cli.pushing import push_checkpoint
    from groot_ros.training.checkpoints import reached_steps

    if not repo:
        return []
    if reached_steps(config.run_path) < config.num_train_steps:
        return [f"not given to {repo} before all of {config.num_train_steps} steps are trained"]
    try:
        return [f"wrote {push_checkpoint(checkpoint, repo)}"]
    except UserError as error:
        again = f"groot-ros push {quoted(checkpoint)} {repo}"
        raise UserError(f"wrote {checkpoint}, but {error}; then: {again}") from None


COMMAND = Command(
    options=Options,
    run=run,
    resumed="what was trained is in the newest checkpoint of the run, from which the same command "
    "goes on with --resume; without a checkpoint it begins anew",
    add=add,
    read=read,
)
