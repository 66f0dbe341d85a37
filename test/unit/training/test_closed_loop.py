from __future__ import annotations

import json
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from groot_ros.cli.main import main
from groot_ros.demo.contact_sheet import FAILED, SUCCEEDED
from groot_ros.policies.checkpoint.config import LocalPolicyConfig
from groot_ros.policies.factory import PolicyChoice
from groot_ros.sim.trials import Films, Trials
from groot_ros.training.closed_loop import Evaluation, evaluate


@pytest.fixture(scope="module")
def untrained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("checkpoints") / "untrained"
    main(["init-checkpoint", "--variant=ee_rot6d_joints", f"--output={folder}"])
    return folder


def test_the_outcomes_are_the_same_for_any_number_of_workers(
    untrained: Path, tmp_path: Path
) -> None:
    policy = PolicyChoice("local", "ee_rot6d_joints", LocalPolicyConfig(str(untrained), seed=0))
    trials = Trials("pick", 3, time_limit_s=1.0)
    alone = list(evaluate(Evaluation(policy, trials, workers=1)))
    films = Films(tmp_path)
    films.clear()
    shared = list(evaluate(Evaluation(policy, trials, workers=2, films=films)))
    assert alone == shared and [o.scene for o in alone] == [60_000, 60_001, 60_002]
    for one, other in zip(alone, shared, strict=True):
        assert not one.succeeded and one.failure
        np.testing.assert_array_equal(one.picture, other.picture)
    # A second of every failure, 15 pictures of it.
    assert len(list(tmp_path.glob("failures/scene_*.mp4"))) == 3
    with av.open(str(tmp_path / "failures" / "scene_60000.mp4")) as film:
        assert 14 <= sum(1 for _ in film.decode(video=0)) <= 18


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--policy=remote"], "add --url gr00t://host:5555"),
        (["--policy=remote", "--url=gr00t://x:1"], "name it with --codec"),
        (["--policy=remote", "--url=http://x", "--codec=ee"], "expected gr00t://host:port"),
        (["--policy=scripted", "--url=gr00t://x:1"], "--url is of --policy remote"),
        (
            ["--policy=remote", "--url=gr00t://127.0.0.1:1", "--codec=ee", "--token-env=NONE"],
            "NONE, which is not set",
        ),
    ],
)
def test_a_server_that_is_not_named_is_a_sentence(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert main(["evaluate", *arguments, f"--output={tmp_path}"]) == 2
    assert said in capsys.readouterr().err


def test_the_expert_picks_the_cube_that_was_named_last(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--policy=scripted", "--cubes", "red", "blue", "--swap-after=1", "--json"]
    arguments.append("--films=all")
    assert main(["evaluate", *arguments, "--episodes=1", f"--output={tmp_path}"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert (result["variant"], result["successes"], result["episodes"]) == ("scripted", 1, 1)
    assert result["mean_time_s"] > 1 and result["failures"] == {}
    assert [path.name for path in (tmp_path / "successes").iterdir()] == ["scene_60000.mp4"]
    assert json.loads((tmp_path / "evaluation.json").read_text()) == result
    record = json.loads((tmp_path / "trials" / "scene_60000.json").read_text())
    hand, wanted = (record[kind]["ee_pose"] for kind in ("measured", "commanded"))
    assert hand["times_s"][-1] == pytest.approx(result["mean_time_s"], abs=0.05)
    # It follows its commands; the chunks say what is commanded.
    ends = [np.array(track["values"])[-1, :3] for track in (hand, wanted)]
    assert np.linalg.norm(ends[0] - ends[1]) < 0.02
    for chunk in record["chunks"]:
        assert np.shape(chunk["pixels"]["exterior"]) == (len(chunk["signals"]["grip"]), 2)
        assert np.all(np.abs(np.array(chunk["pixels"]["exterior"]) - 0.5) < 0.5)
    sheet = np.asarray(Image.open(tmp_path / "contact_sheet.png").convert("RGB"))
    assert np.all(sheet == SUCCEEDED, axis=-1).any()
    assert not np.all(sheet == FAILED, axis=-1).any()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--episodes=0"], "episodes is 0, expected 1 or more"),
        (["--executed-steps=-1"], "executed-steps is -1, expected 0 or more"),
        (["--swap-after=2"], "no other cube to ask for"),
        (["--swap-after=20", "--cubes", "red", "blue"], "less than the 15 s"),
    ],
)
def test_mistakes_are_one_sentence(
    arguments: list[str], sentence: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    film = tmp_path / "failures/scene_1.mp4"
    film.parent.mkdir()
    film.touch()
    assert main(["evaluate", "--policy=scripted", f"--output={tmp_path}", *arguments]) == 2
    assert sentence in capsys.readouterr().err
    assert film.exists()


def test_a_checkpoint_from_elsewhere_is_refused(tmp_path: Path) -> None:
    assert main(["evaluate", f"--checkpoint={tmp_path}"]) == 2
