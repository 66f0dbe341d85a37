"""Pictures against OpenCV and against hashes of the libraries that NVIDIA's processor uses."""

from __future__ import annotations

import hashlib
import json

import cv2
import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from networks import DATA
from pictures import SIZES, picture

from groot_ros.errors import UserError
from groot_ros.model.networks.n17 import QWEN3_VL_PROCESSOR
from groot_ros.model.processing.images import CropConfig, ImagePipeline, PatchConfig
from groot_ros.model.processing.resize import resize_area

GOLDEN = json.loads((DATA / "golden_images.json").read_text())
"""SHA-256 of what albumentations 1.4.18, torchvision and transformers' Qwen2-VL image processor
make of the pictures."""
KWARGS = json.loads((DATA / "gr00t_n17_droid" / "processor_config.json").read_text())[
    "processor_kwargs"
]
PATCHES = PatchConfig.from_dict(QWEN3_VL_PROCESSOR)


def sha256(values: np.ndarray) -> str:
    return hashlib.sha256(np.ascontiguousarray(values).tobytes()).hexdigest()


@pytest.mark.parametrize(("height", "width"), SIZES)
def test_pipeline_is_bit_exact(height: int, width: int) -> None:
    golden = GOLDEN[f"{height}x{width}"]
    pipeline = ImagePipeline(CropConfig.from_dict(KWARGS), PATCHES)
    frame = torch.from_numpy(picture(height, width))
    cropped = pipeline.crop(frame[None])[0].numpy()
    assert list(cropped.shape[:2]) == golden["cropped_shape"]
    assert sha256(cropped) == golden["cropped"]
    patches, grids = pipeline([frame])
    assert list(grids[0]) == golden["grid"]
    levels = np.rint(patches.numpy() * 127.5 + 127.5).astype(np.uint8)
    assert sha256(levels) == golden["patches"]


@pytest.mark.parametrize(("height", "width"), SIZES)
def test_pipeline_without_albumentations_is_bit_exact(height: int, width: int) -> None:
    crop = CropConfig.from_dict({**KWARGS, "use_albumentations": False})
    cropped = crop(torch.from_numpy(picture(height, width))[None])[0].numpy()
    assert sha256(cropped) == GOLDEN[f"{height}x{width}"]["torchvision"]


@settings(max_examples=30, deadline=None)
@example(384, 384, 64)
@example(768, 768, 256)
@example(640, 480, 240)
@example(490, 490, 10)
@given(
    height=st.integers(40, 500), width=st.integers(40, 500), edge=st.sampled_from([64, 128, 256])
)
def test_resize_equals_opencv(height: int, width: int, edge: int) -> None:
    image = picture(height, width)
    scale = edge / min(height, width)
    size = round(height * scale), round(width * scale)
    expected = cv2.resize(image, size[::-1], interpolation=cv2.INTER_AREA)
    found = resize_area(torch.from_numpy(image)[None], *size)[0].numpy()
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize(
    ("height", "width", "tokens"),
    [(256, 256, 64), (480, 640, 88), (224, 224, 64), (720, 1280, 112)],
)
def test_tokens_of_a_picture(height: int, width: int, tokens: int) -> None:
    pipeline = ImagePipeline(CropConfig.from_dict(KWARGS), PATCHES)
    patches, grids = pipeline([torch.zeros(height, width, 3, dtype=torch.uint8)])
    assert PATCHES.tokens(grids[0]) == tokens
    assert patches.shape == (4 * tokens, 3 * 2 * 16 * 16)


def test_pictures_of_different_sizes_stay_in_order() -> None:
    pipeline = ImagePipeline(CropConfig.from_dict(KWARGS), PATCHES)
    frames = [torch.from_numpy(picture(*size)) for size in ((224, 224), (240, 320))]
    patches, grids = pipeline(frames)
    parts = [pipeline([frame])[0] for frame in frames]
    assert grids == ((16, 16), (16, 22))
    torch.testing.assert_close(patches, torch.cat(parts), rtol=0, atol=0)


def test_letter_box_pads_to_a_square() -> None:
    crop = CropConfig.from_dict({**KWARGS, "letter_box_transform": True, "crop_fraction": 1.0})
    cropped = crop(torch.full((1, 128, 256, 3), 255, dtype=torch.uint8))
    assert cropped.shape == (1, 256, 256, 3)
    assert cropped[0, :64].max() == 0 and cropped[0, 192:].max() == 0
    assert cropped[0, 64:192].min() == 255


def test_sizes_that_the_pipeline_needs_are_asked_for() -> None:
    kwargs = {**KWARGS, "shortest_image_edge": None, "image_target_size": None}
    with pytest.raises(UserError, match="image_target_size"):
        CropConfig.from_dict(kwargs)


def test_without_shortest_edge_the_picture_becomes_the_target() -> None:
    kwargs = {**KWARGS, "shortest_image_edge": None, "crop_fraction": None}
    crop = CropConfig.from_dict(kwargs)
    assert crop(torch.zeros(1, 100, 300, 3, dtype=torch.uint8)).shape == (1, 256, 256, 3)


@pytest.mark.parametrize(
    ("size", "fitted"),
    [((256, 340), (256, 352)), ((64, 64), (256, 256)), ((3000, 9000), (2336, 7072))],
)
def test_whole_blocks_within_the_pixel_budget(
    size: tuple[int, int], fitted: tuple[int, int]
) -> None:
    assert PATCHES.fitted_size(*size) == fitted
