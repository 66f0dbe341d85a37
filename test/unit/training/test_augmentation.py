from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from groot_ros.errors import UserError
from groot_ros.model.processing.images import CropConfig, ImagePipeline, PatchConfig
from groot_ros.training.data.augmentation import Augmentation, Change, ColorJitter
from groot_ros.training.data.pictures import prepare

PATCHES = PatchConfig(16, 2, 2, 64**2, 64**2, (0.5,) * 3, (0.5,) * 3)
IMAGES = ImagePipeline(CropConfig((64, 64), None, 64, 0.75, True, False), PATCHES)
ALL = Augmentation(True, 10.0, ColorJitter(0.3, 0.4, 0.5, 0.08))

PICTURE = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)


def test_all_views_of_a_sample_are_changed_alike() -> None:
    change = ALL.draw(np.random.default_rng(1))
    first, second = prepare(IMAGES, np.stack([PICTURE, PICTURE]), change)
    assert torch.equal(first, second)
    assert not torch.equal(first, prepare(IMAGES, PICTURE[None], Change())[0])


def test_without_a_change_a_picture_is_as_for_inference() -> None:
    frames = PICTURE[None]
    expected = IMAGES.patches.fit(IMAGES.crop(torch.from_numpy(frames)))
    assert torch.equal(prepare(IMAGES, frames, Change()), expected)


@given(st.integers(0, 1000))
def test_draws_stay_within_their_limits(seed: int) -> None:
    change = ALL.draw(np.random.default_rng(seed))
    assert all(0 <= place <= 1 for place in change.place)
    assert abs(change.angle_deg) <= 10 and abs(change.hue) <= 0.08
    limits = {"brightness": 0.3, "contrast": 0.4, "saturation": 0.5}
    assert all(abs(getattr(change, name) - 1) <= limit for name, limit in limits.items())


def test_a_crop_moves_what_is_seen() -> None:
    frames = np.zeros((1, 64, 64, 3), np.uint8)
    frames[:, :8, :8] = 255
    assert prepare(IMAGES, frames, Change(place=(0.0, 0.0))).max() == 255
    assert prepare(IMAGES, frames, Change(place=(1.0, 1.0))).max() == 0


def test_a_quarter_turn_is_that_of_numpy() -> None:
    np.testing.assert_array_equal(Change(angle_deg=90.0).rotate(PICTURE), np.rot90(PICTURE))


def test_colours_change_as_their_names_say() -> None:
    red = np.full((4, 4, 3), (200, 40, 40), np.uint8)
    assert (Change(brightness=0.5).recolor(red)[0, 0] == (100, 20, 20)).all()
    grey = Change(saturation=0.0).recolor(red)[0, 0]
    assert len(set(grey.tolist())) == 1
    assert Change(contrast=0.0).recolor(PICTURE).std() == 0
    green = Change(hue=1 / 3).recolor(red)[0, 0]
    assert (np.abs(green.astype(int) - (40, 200, 40)) <= 2).all()


def test_every_part_alone_is_felt() -> None:
    for name, value in (("angle_deg", 5.0), ("brightness", 1.2), ("hue", 0.1)):
        assert replace(Change(), **{name: value}).is_felt
    assert not Change(place=(0.1, 0.9)).is_felt


@pytest.mark.parametrize(
    "text", ["brightness", "glow 0.1", "hue 0.9", "contrast high", "hue -0.1"]
)
def test_jitter_that_makes_no_sense_is_refused(text: str) -> None:
    with pytest.raises(UserError, match="color_jitter_params is"):
        ColorJitter.parse(text)


def test_jitter_is_read_as_nvidia_writes_it() -> None:
    found = ColorJitter.parse("brightness 0.3 contrast 0.4 saturation 0.5 hue 0.08")
    assert found == ColorJitter(0.3, 0.4, 0.5, 0.08)
