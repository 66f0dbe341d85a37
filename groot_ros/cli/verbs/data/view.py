"""`groot-ros view`: look at a dataset, bags, a training or an evaluation in the browser.

Episodes with what is odd about them, films in step with plots. Nothing leaves this machine unless
--host says so.
"""

from __future__ import annotations

import json
import os
import secrets
import socket
import threading
import webbrowser
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from groot_ros.cli.command import Command
from groot_ros.errors import UserError
from groot_ros.files.hub import local_folder
from groot_ros.options import argument, option

if TYPE_CHECKING:
    from groot_ros.viewer.sheet import Sheet
    from groot_ros.viewer.subject import Subject


@dataclass(frozen=True, kw_only=True)
class Options:
    """Of `groot-ros view`."""

    path: Path = argument("a dataset, a bag, a folder of bags, a training or an evaluation")
    robot: str = option("of bags: robot name or file", default="")
    codec: str = option(
        "of bags: the codec with which a conversion is tried (%(default)s)",
        default="ee_rot6d_joints",
    )
    port: int = option("0 takes a free one (%(default)s)", default=8765)
    host: str = option(
        "address to listen on; with one that others reach, a token is needed (%(default)s)",
        default="127.0.0.1",
    )
    no_browser: bool = option(
        "only print the URL", default=False, flags=("--no-browser", "--no_browser")
    )
    json: bool = option("print the URL as a JSON object", default=False)


def run(options: Options) -> int:
    from groot_ros.viewer.app import make_app, make_sheet_app
    from groot_ros.viewer.serve import is_local, listening, serve

    path = local_folder(options.path, "dataset")
    read = _sheet(path)
    subject = None if read else _subject(path, options.robot, options.codec)
    token = "" if is_local(options.host) else secrets.token_urlsafe(16)
    place = listening(options.host, options.port)
    any_address = options.host in ("0.0.0.0", "::")
    names = {options.host, socket.gethostname(), socket.getfqdn()} if token else {options.host}
    if read:
        app = make_sheet_app(read, names, token, any_address)
    else:
        assert subject
        app = make_app(subject, names, token, any_address)
    name = socket.gethostname() if any_address else options.host
    shown = f"[{name}]" if ":" in name else name
    url = f"http://{shown}:{place.getsockname()[1]}/" + (f"?token={token}" if token else "")

    def ready() -> None:
        said = f"{options.path} at {url} (Ctrl-C ends it)"
        print(json.dumps({"url": url}) if options.json else said, flush=True)
        if not options.no_browser and _has_screen():
            threading.Thread(target=webbrowser.open, args=(url,), daemon=True).start()

    serve(app, place, ready)
    return 0


def _sheet(path: Path) -> Callable[[], Sheet] | None:
    """What reads the sheet of a training or a comparison; None for what has episodes."""
    from groot_ros.data.review.card import EVALUATION
    from groot_ros.viewer import comparison
    from groot_ros.viewer.training_run import TRAINER_STATE, TrainingRun, is_training

    if (path / TRAINER_STATE).is_file():
        raise UserError(
            f"{path} is one checkpoint of a training: the training is shown by groot-ros view "
            f"{path.resolve().parent}"
        )
    if is_training(path):
        TrainingRun.read(path)
        return lambda: TrainingRun.read(path).sheet(path)
    if (path / comparison.FILE).is_file() and not (path / EVALUATION).is_file():
        comparison.read_comparison(path)
        return lambda: comparison.read_comparison(path)
    return None


def _subject(path: Path, robot: str, codec: str) -> Subject:
    from groot_ros.data.bags.files import bags_below
    from groot_ros.data.datasets.reader import is_dataset
    from groot_ros.data.review.card import EVALUATION

    if not path.exists():
        raise UserError(
            f"{path} does not exist, expected a dataset, bags, a training or an evaluation"
        )
    if is_dataset(path):
        from groot_ros.viewer.dataset_subject import DatasetSubject

        return DatasetSubject(path)
    if (path / EVALUATION).is_file():
        from groot_ros.viewer.run_subject import RunSubject

        return RunSubject(path)
    if not (bags := bags_below(path)):
        raise UserError(
            f"{path} is neither a dataset nor a bag nor a folder of groot-ros train or evaluate"
        )
    if not robot:
        raise UserError(f"{path} holds bags, which are read by a robot file: name it with --robot")
    from groot_ros.viewer.bag_subject import BagSubject

    return BagSubject(path, bags, robot, codec)


def _has_screen() -> bool:
    """Without one, webbrowser would open a browser of the terminal in this very terminal."""
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


COMMAND = Command(options=Options, run=run)
