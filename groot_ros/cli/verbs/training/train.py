"""`groot-ros train`: train GR00T on a dataset."""

from __future__ import annotations

import argparse
import os
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any

from groot_ros.files.shell import quoted


class Switch(argparse.BooleanOptionalAction):
    """`--name` and `--no-name`, or `--name=True` and `--name=False` as Positronic's tools say."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.nargs = "?"

    def __call__(
        self, parser: argparse.ArgumentParser, namespace: Any, values: Any, option: Any = None
    ) -> None:
        words = {"true": True, "false": False}
        if values is not None and str(values).lower() not in words:
            parser.error(f"argument {option}: {values!r} is neither True nor False")
        given = values is None or words[str(values).lower()]
        setattr(namespace, self.dest, given != str(option).startswith("--no-"))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config", type=Path, metavar="FILE.yaml", help="options by name")
    # transformers and torch take seconds to import; the names of the options need neither.
    from groot_ros.training.config import TrainConfig

    for option in fields(TrainConfig):
        names = [f"--{option.name}"]
        if "_" in option.name:
            names.append(f"--{option.name.replace('_', '-')}")
        default = None if option.default is MISSING else option.default
        text = f"{option.metadata['help']} (default: {default})"
        text = text.replace(" (default: )", "").replace(" (default: ())", "")
        kind: dict[str, Any] = {"type": type(default)}
        if each := option.metadata["each"]:
            kind = {"type": each, "nargs": "+"}
        if isinstance(default, bool):
            kind = {"action": Switch}
        elif option.name == "color_jitter_params":
            kind = {"nargs": "+", "metavar": ("NAME", "VALUE")}
        parser.add_argument(*names, dest=option.name, default=None, help=text, **kind)


def run(args: argparse.Namespace) -> int:
    from groot_ros.training.config import TrainConfig, make_config, read_yaml

    given = read_yaml(args.config) if args.config else {}
    for option in fields(TrainConfig):
        value = getattr(args, option.name)
        if value is not None:
            given[option.name] = value
    if isinstance(words := given.get("color_jitter_params"), list):
        given["color_jitter_params"] = " ".join(words)
    config = make_config(given)
    from groot_ros.training.run import train
    from groot_ros.viewer.training_run import REPORT

    checkpoint = train(config)
    if os.environ.get("RANK", "0") == "0":
        print(f"wrote {checkpoint}")
        print(
            f"look at it: groot-ros view {quoted(config.run_path)} "
            f"(or open {config.run_path}/{REPORT})"
        )
        for path, _, _ in config.inputs:
            print(
                f"compare it: groot-ros evaluate --open-loop --checkpoint {quoted(checkpoint)} "
                f"--dataset {quoted(path)}"
            )
    return 0
