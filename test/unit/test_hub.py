"""Checkpoints and datasets at the hub, against a hub of the test's own."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from itertools import zip_longest
from pathlib import Path

import lerobot_dataset as lerobot
import pytest
import yaml
from droid_folder import write_droid
from hub_server import HubServer
from training_options import options

from groot_ros.codecs.catalog import find_codec
from groot_ros.files.hub import shown_name, storage_of
from groot_ros.robot.config import load_robot
from groot_ros.share import share_file

SHIPPED = share_file("pretrained/sim_pick")
RELEASED_PAGE = Path(__file__).parents[2] / "docs" / "released.md"
# Nothing listens there.
NOBODY = "http://127.0.0.1:9"


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HubServer]:
    root = tmp_path_factory.mktemp("hub")
    shutil.copytree(SHIPPED, root / "models" / "me" / "pick")
    shutil.copytree(SHIPPED, root / "models" / "me" / "run" / "checkpoint-7")
    write_droid(root / "models" / "nvidia" / "GR00T-N1.7-DROID")
    hub = HubServer(root)
    yield hub
    hub.close()


# Several commands in one process: each begins with seconds of imports.
COMMANDS = """
import contextlib, io, json, os, sys
from groot_ros.cli.main import main
said = []
for token, *command in json.loads(sys.argv[1]):
    os.environ["HF_TOKEN"] = token
    out, errors = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(errors):
        code = main(command)
    said.append((code, out.getvalue(), errors.getvalue()))
print(json.dumps(said))
"""


def groot_ros(
    url: str, home: Path, *commands: list[str], tokens: Sequence[str] = ()
) -> list[tuple[int, str, str]]:
    """Exit code and output of each command, with its token if it has one; the hub is at a URL."""
    own = {"HF_ENDPOINT": url, "HF_HOME": str(home), "HF_HUB_DISABLE_XET": "1"}
    given = [[token, *words] for token, words in zip_longest(tokens, commands, fillvalue="")]
    command = [sys.executable, "-c", COMMANDS, json.dumps(given)]
    home.mkdir(exist_ok=True)
    done = subprocess.run(
        command, cwd=home, env={**os.environ, **own}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return [(code, out, errors) for code, out, errors in json.loads(done.stdout)]


def test_a_checkpoint_is_fetched_once_and_used_from_the_cache_without_a_network(
    hub: HubServer, tmp_path: Path
) -> None:
    addresses = ("hf://me/pick", "hf://me/run@main/checkpoint-7")
    commands = [["inspect", address, "--json"] for address in addresses]
    others = [["inspect", "hf://me/other"], ["push", str(SHIPPED), "me/new"]]
    fetched = groot_ros(hub.url, tmp_path, *commands)
    # The second time the hub cannot be reached any more.
    *cached, absent, pushed = groot_ros(NOBODY, tmp_path, *commands, *others)
    for code, out, errors in [*fetched, *cached]:
        assert code == 0, errors
        assert json.loads(out)["parameters"]["total"] > 3e6
    assert absent[0] == pushed[0] == 2
    assert "model me/other is not in the cache and the hub cannot be reached" in absent[2]
    assert "me/new cannot be written" in pushed[2]


def test_the_way_from_the_hub_to_a_codec_is_as_its_page_says(
    hub: HubServer, tmp_path: Path
) -> None:
    lines = re.findall(r"^groot-ros (.*)$", RELEASED_PAGE.read_text(), re.MULTILINE)
    commands = [shlex.split(line, comments=True) for line in lines if "†" not in line]
    assert [command[0] for command in commands] == ["inspect", "selfcheck", "codec", "codec"]
    said = groot_ros(hub.url, tmp_path / "home", *commands)
    assert [code for code, _, _ in said] == [0] * 4, said
    assert json.loads(said[1][1])["slot"] == 24
    codec = find_codec(str(tmp_path / "home" / "droid.yaml"))
    assert codec.codec(load_robot("franka")).state.parts[0].tool is not None


MISSING = {
    "hf://me/other": "the hub has no model me/other, or it is private",
    "hf://datasets/me/other": "the hub has no dataset me/other, or it is private",
    "hf://me/pick@v3": "model me/pick has no revision v3",
    "hf://me/pick/none": "model me/pick has no folder /none",
    "hf://pick": "hf:/pick is no address at the hub, expected hf://owner/name",
    "hf://me/pick/../..": "model me/pick has no folder /../..",
}


def test_files_of_a_cached_folder_lie_beside_its_snapshots(tmp_path: Path) -> None:
    below = tmp_path / "datasets--me--picks" / "snapshots" / "0123" / "set"
    below.mkdir(parents=True)
    assert storage_of(below) == below
    (below.parents[2] / "blobs").mkdir()
    assert storage_of(below) == storage_of(below.parent) == below.parents[2]
    assert shown_name(below) == "hf://datasets/me/picks" and shown_name(tmp_path) == tmp_path.name


def test_nothing_takes_the_place_of_a_dataset_at_the_hub(tmp_path: Path) -> None:
    [(code, _, errors)] = groot_ros(NOBODY, tmp_path, ["dataset", "stats", "hf://me/picks"])
    assert code == 2 and "is at the hub, where nothing is written: give --output" in errors


def test_what_is_not_there_is_one_sentence(hub: HubServer, tmp_path: Path) -> None:
    said = groot_ros(hub.url, tmp_path, *(["inspect", address] for address in MISSING))
    for sentence, (code, _, errors) in zip(MISSING.values(), said, strict=True):
        assert code == 2 and sentence in errors


def test_a_training_ends_at_the_hub(tmp_path: Path) -> None:
    dataset = lerobot.write(tmp_path / "so101", lerobot.Flavour(names=lerobot.JOINTS))
    (home := tmp_path / "home").mkdir()
    steps = {"num_train_steps": 1, "save_steps": 1}
    config = options(dataset, home, "run", **steps, modality_config=str(home / "codec.yaml"))
    (home / "train.yaml").write_text(yaml.safe_dump(config))
    draft = ["codec", "draft", "--dataset", str(dataset), "--robot", "so101"]
    commands = [
        [*draft, "--output", str(home / "codec.yaml")],
        ["train", "--config", str(home / "train.yaml"), "--push", "me/trained"],
    ]
    hub = HubServer(tmp_path)
    try:
        _, (code, said, errors) = groot_ros(hub.url, home, *commands)
        assert code == 0, errors
    finally:
        hub.close()
    assert f"wrote {hub.url}/me/trained" in said
    pushed = hub.pushed["me/trained"]
    assert "checkpoints_dir:=hf://me/trained" in pushed["README.md"].decode()
    assert "config.json" in pushed and "optimizer.pt" not in pushed


def test_a_pushed_checkpoint_has_a_card(tmp_path: Path) -> None:
    small = tmp_path / "small"
    small.mkdir()
    for name in ("config.json", "groot_ros.json", "processor_config.json", "statistics.json"):
        shutil.copy(SHIPPED / name, small)
    own = json.loads((small / "groot_ros.json").read_text())
    own["datasets"] = ["picks", "hf://datasets/me/others"]
    (small / "groot_ros.json").write_text(json.dumps(own))
    (results := tmp_path / "evaluation").mkdir()
    evaluation = {"successes": 9, "episodes": 10, "interval": [0.6, 0.98]}
    (results / "evaluation.json").write_text(json.dumps(evaluation))
    hub = HubServer(tmp_path, token="secret")
    try:
        home, command = tmp_path / "home", ["push", str(small), "me/new", "--evaluation"]
        commands = [[*command, str(small)], *[[*command, str(results)]] * 2]
        given = options(tmp_path / "none", tmp_path, "run")
        (tmp_path / "train.yaml").write_text(yaml.safe_dump(given))
        training = ["train", "--config", str(tmp_path / "train.yaml"), "--push=me/trained"]
        # There, to be read: the hub makes it without complaint.
        asked = [*commands, training, ["push", str(small), "others/pick"]]
        without, refused, done, early, foreign = groot_ros(
            hub.url, home, *asked, tokens=["", "", "secret", "", "secret"]
        )
        assert foreign[0] == 2 and "does not let you write to others/pick" in foreign[2]
        # Before there is a training, though the mistake is not its only one.
        assert early[0] == 2 and "does not let you write to me/trained" in early[2]
        assert without[0] == 2 and "has no evaluation.json: give the folder" in without[2]
        assert refused[0] == 2
        assert "does not let you write to me/new: log in" in refused[2]
        code, said, errors = done
        assert code == 0, errors
        assert "look at it: groot-ros inspect hf://me/new" in said
    finally:
        hub.close()
    assert set(hub.pushed) == {"me/new"}
    pushed = hub.pushed["me/new"]
    assert pushed["config.json"] == (SHIPPED / "config.json").read_bytes()
    _, head, text = pushed["README.md"].decode().split("---\n", 2)
    assert yaml.safe_load(head)["pipeline_tag"] == "robotics"
    assert "| robot | sim |" in text and "| codec | ee_rot6d_joints |" in text
    data = own["dataset"]
    assert "robot:=sim checkpoints_dir:=hf://me/new" in text
    size = f"{data['episodes']} episodes, {data['frames']} steps"
    assert f"| dataset | `picks`, `hf://datasets/me/others`: {size} |" in text
    assert "| success | 9 of 10 in simulation (60 to 98 % with 95 % confidence) |" in text
