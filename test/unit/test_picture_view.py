"""Which part of a camera's picture is used, and which way up."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import yaml

from groot_ros.cameras.image import IMAGE
from groot_ros.errors import UserError
from groot_ros.observation.routes import routes
from groot_ros.robot.config import RobotConfig, load_robot

# Left to right and top to bottom: 1 2 3 over 4 5 6, below and beside something else.
PICTURE = np.array([[9, 9, 9, 9], [9, 1, 2, 3], [9, 4, 5, 6]], np.uint8)
STAMP = SimpleNamespace(sec=1, nanosec=0)


def robot(folder: Path, **keys: object) -> RobotConfig:
    camera = {"topic": "/wrist/image_raw", **keys}
    path = folder / "robot.yaml"
    content = yaml.safe_load(Path("config/robots/sim.yaml").read_text())
    content["observations"]["cameras"] = {"wrist": camera}
    path.write_text(yaml.safe_dump(content))
    return load_robot(path)


class Sink:
    """Keeps the pictures of the wrist's camera."""

    fields: tuple[str, ...] = ()
    cameras = ("wrist",)

    def __init__(self, robot: RobotConfig) -> None:
        self.robot, self.decoders = robot, []

    def add_image(self, camera, stamp_ns, decode) -> None:
        self.decoders.append(decode)


def seen(robot: RobotConfig) -> list[list[int]]:
    sink = Sink(robot)
    [route] = routes(sink)
    message = SimpleNamespace(
        header=SimpleNamespace(stamp=STAMP),
        height=PICTURE.shape[0],
        width=PICTURE.shape[1],
        encoding="mono8",
        is_bigendian=0,
        step=PICTURE.shape[1],
        data=PICTURE.tobytes(),
    )
    partial(route.of_type(IMAGE).store, message)(10**9)
    [decode] = sink.decoders
    found = decode()
    assert found.flags.c_contiguous and np.all(found == found[..., :1])
    return found[..., 0].tolist()


CROP = [1, 1, 3, 2]


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ({}, PICTURE.tolist()),
        ({"crop": CROP}, [[1, 2, 3], [4, 5, 6]]),
        ({"crop": CROP, "rotate": 90}, [[4, 1], [5, 2], [6, 3]]),
        ({"crop": CROP, "rotate": 180}, [[6, 5, 4], [3, 2, 1]]),
        ({"crop": CROP, "rotate": 270}, [[3, 6], [2, 5], [1, 4]]),
        ({"crop": CROP, "mirror": True}, [[3, 2, 1], [6, 5, 4]]),
        ({"crop": CROP, "rotate": 90, "mirror": True}, [[1, 4], [2, 5], [3, 6]]),
    ],
)
def test_a_part_turned_clockwise_then_mirrored(tmp_path, keys, expected) -> None:
    assert seen(robot(tmp_path, **keys)) == expected


def test_a_part_that_is_not_there_is_named(tmp_path) -> None:
    with pytest.raises(UserError, match=r"crop is \[2, 1, 3, 2\], which leaves a picture of 4x3"):
        seen(robot(tmp_path, crop=[2, 1, 3, 2]))


@pytest.mark.parametrize(
    ("keys", "sentence"),
    [
        ({"crop": [0, 0, 0, 5]}, r"wrist.crop is \[0, 0, 0, 5\], expected .LEFT, TOP, WIDTH"),
        ({"crop": [0, 0, 5]}, "wrist.crop is .*, expected a list of 4"),
        ({"crop": [-1, 0, 5, 5]}, "wrist.crop"),
        ({"rotate": 45}, "wrist.rotate is 45, expected one of 0, 90, 180, 270"),
        ({"mirror": 1}, "wrist.mirror is 1, expected true or false"),
    ],
)
def test_keys_that_say_nothing_are_named(tmp_path, keys, sentence) -> None:
    with pytest.raises(UserError, match=sentence):
        robot(tmp_path, **keys)
