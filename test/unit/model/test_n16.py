"""What is N1.6's alone: Eagle's networks, prompt, tokenizer and pictures."""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import networks
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from checkpoints import observation, spec
from hypothesis import given, settings
from hypothesis import strategies as st
from networks import DATA
from pictures import SIZES, picture
from PIL import Image
from safetensors.torch import load_file, save_file
from tokenizers import AddedToken
from transformers import Qwen3Model, Siglip2VisionModel
from transformers.models.qwen3.modeling_qwen3 import Qwen3RotaryEmbedding

from groot_ros.benchmarks.model_configs import FULL_N16
from groot_ros.errors import UserError
from groot_ros.model.checkpoint.folder import CheckpointFolder
from groot_ros.model.checkpoint.tokenizer import find_tokenizer, load_tokenizer
from groot_ros.model.inference.loaded import Groot
from groot_ros.model.networks.config import Gr00tConfig
from groot_ros.model.networks.eagle import EagleBackbone
from groot_ros.model.networks.n16 import EAGLE_2B, N16
from groot_ros.model.networks.network import Network
from groot_ros.model.networks.rope import RopePrecision, text_tables
from groot_ros.model.processing.eagle_images import EaglePatches
from groot_ros.model.processing.images import ImagePipeline
from groot_ros.model.processing.prompt import PromptProcessor
from groot_ros.model.processing.resize import resize_pillow
from groot_ros.model.tiny.init import init_checkpoint
from groot_ros.model.tiny.tokenizer import tiny_tokenizer

PARTS = {
    "backbone": 1_557_344_192,
    "action_head": 1_418_624_000,
    "action_head.model": 1_091_722_240,
    "action_head.position_embedding": 1_572_864,
    "action_head.vlln": 4_096,
}
GOLDEN_IMAGES = json.loads((DATA / "golden_images_n16.json").read_text())
"""SHA-256 of what NVIDIA's N1.6 makes of the pictures (docs/model.md)."""
KWARGS = {
    "use_albumentations": True,
    "shortest_image_edge": 256,
    "crop_fraction": 0.95,
    "image_target_size": [256, 256],
    "image_crop_size": [230, 230],
}


def full_config(**changes: Any) -> Gr00tConfig:
    return Gr00tConfig.from_dict({**FULL_N16, **changes})


def test_parameter_counts() -> None:
    network = Network.on_meta(full_config())
    assert sum(p.numel() for p in network.parameters()) == 2_975_968_192
    found = {
        name: sum(p.numel() for p in network.get_submodule(name).parameters()) for name in PARTS
    }
    assert found == PARTS


def test_tensor_names_and_shapes() -> None:
    lines = gzip.decompress((DATA / "gr00t_n16_tensors.tsv.gz").read_bytes()).decode()
    expected = dict(line.split("\t") for line in lines.splitlines())
    network = Network.on_meta(full_config())
    found = {name: str(tuple(tensor.shape)) for name, tensor in network.state_dict().items()}
    assert len(expected) == 1106
    assert found == expected


def test_a_state_that_is_dropped_has_a_token_of_its_own() -> None:
    network = Network.on_meta(full_config(state_dropout_prob=0.5))
    assert network.get_parameter("action_head.mask_token").shape == (1, 1, 1536)


@torch.no_grad()
def test_backbone_is_transformers_own_towers() -> None:
    """With transformers' own way through SigLIP2 and Qwen3 in the place of ours."""
    config = Gr00tConfig.from_dict(networks.tiny_n16())
    network = Network(config).eval()
    networks.seed_weights(network)
    backbone, batch = network.backbone, networks.batch(config)
    assert isinstance(backbone, EagleBackbone)
    vision = Siglip2VisionModel(backbone.config.vision_config).eval()
    vision.load_state_dict(backbone.visual.state_dict())
    text = Qwen3Model(backbone.config.text_config).eval()
    text.load_state_dict(backbone.language_model.state_dict())
    tokens, sizes = [], [rows * columns for rows, columns in batch.grids]
    for patches, (rows, columns) in zip(batch.patches.split(sizes), batch.grids, strict=True):
        seen = torch.ones(1, len(patches), dtype=torch.long)
        out = vision(patches[None], seen, torch.tensor([[rows, columns]])).last_hidden_state
        blocks = out.view(rows // 2, 2, columns // 2, 2, -1).permute(0, 2, 4, 1, 3)
        tokens.append(backbone.model.mlp1(blocks.flatten(2).flatten(0, 1)))
    embedded = text.embed_tokens(batch.input_ids)
    embedded[batch.input_ids == networks.IMAGE] = torch.cat(tokens)
    expected = text(inputs_embeds=embedded, attention_mask=batch.attention_mask)
    layout = backbone.layout(batch.input_ids, batch.grids, batch.attention_mask)
    found = backbone(layout, batch.patches, batch.grids)
    valid = batch.attention_mask.bool()
    torch.testing.assert_close(found[valid], expected.last_hidden_state[valid], rtol=0, atol=1e-5)


@pytest.mark.parametrize("grid", [(18, 18), (6, 10), (16, 16), (40, 12)])
def test_positions_are_interpolated_as_a_picture_is(grid: tuple[int, int]) -> None:
    config = Gr00tConfig.from_dict(networks.mid_n16())
    backbone = Network(config).backbone
    assert isinstance(backbone, EagleBackbone)
    table = backbone.visual.embeddings.position_embedding.weight.detach()
    image = table.view(1, 16, 16, -1).permute(0, 3, 1, 2)
    resized = F.interpolate(image, grid, mode="bilinear", align_corners=False, antialias=True)
    found = backbone._positions(*backbone.new_tables(grid))
    torch.testing.assert_close(found, resized[0].flatten(1).T, rtol=0, atol=1e-5)


@pytest.mark.parametrize("precision", RopePrecision)
def test_text_tables_are_transformers(precision: RopePrecision) -> None:
    text = EagleBackbone.configure(EAGLE_2B, 16).text_config
    positions = torch.arange(300)[None]
    rotary = Qwen3RotaryEmbedding(text)
    if precision is RopePrecision.BFLOAT16:
        rotary = rotary.to(torch.bfloat16)
    expected = rotary(torch.zeros(1), positions)
    found = text_tables(text, positions, torch.float32, precision)
    torch.testing.assert_close(found, expected, rtol=0, atol=0)


def test_the_prompt_is_eagles() -> None:
    assert N16.prompt.render("pick up the red cube", [2, 1]) == (
        "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n"
        "<|im_start|>user\npick up the red cube"
        "<image 1><img><IMG_CONTEXT><IMG_CONTEXT></img>"
        "<image 2><img><IMG_CONTEXT></img>"
        "<|im_end|>\n"
    )


@pytest.mark.parametrize("text", ["<IMG_CONTEXT>", "</interval>", "<image-2>", "<video-1>"])
def test_what_an_instruction_must_not_hold(text: str) -> None:
    form = N16.prompt
    prompts = PromptProcessor(tiny_tokenizer(form), form, formalize_language=False)
    with pytest.raises(UserError, match=f"reserved {text}"):
        prompts(f"lift {text}", [1])
    assert prompts("lift <this>", [1])


def test_the_language_models_tokenizer_gains_eagles_tokens(tmp_path: Path) -> None:
    form, tokenizer = N16.prompt, tiny_tokenizer(N16.prompt)
    base = json.loads(tokenizer.to_str())
    for token in (form.image_start, form.image_token, form.image_end):
        base["added_tokens"] = [t for t in base["added_tokens"] if t["content"] != token]
        del base["model"]["vocab"][token]
    order = sorted(base["model"]["vocab"], key=base["model"]["vocab"].__getitem__)
    base["model"]["vocab"] = {word: number for number, word in enumerate(order)}
    for token in base["added_tokens"]:
        token["id"] = base["model"]["vocab"][token["content"]]
    (tmp_path / "tokenizer.json").write_text(json.dumps(base))
    image_token_id = len(order)
    loaded = load_tokenizer(tmp_path, image_token_id, form)
    ids = [loaded.token_to_id(token) for token in form.added_tokens]
    assert ids == list(range(image_token_id, image_token_id + 11))
    prompt = form.render("lift it", [3])
    encoded = loaded.encode(prompt, add_special_tokens=False).ids
    assert encoded.count(image_token_id) == 3
    assert loaded.decode(encoded, skip_special_tokens=False) == prompt
    with pytest.raises(UserError, match="has <IMG_CONTEXT> as None, expected 151669"):
        load_tokenizer(tmp_path, 151669, form)


def test_a_complete_tokenizer_stays_as_it_is(tmp_path: Path) -> None:
    tokenizer = tiny_tokenizer(N16.prompt)
    tokenizer.add_special_tokens([AddedToken("<box>", special=True)])
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    loaded = load_tokenizer(tmp_path, tokenizer.token_to_id("<IMG_CONTEXT>"), N16.prompt)
    assert loaded.get_vocab_size() == tokenizer.get_vocab_size()


def test_a_missing_tokenizer_says_where_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "groot_ros.model.checkpoint.tokenizer.try_to_load_from_cache", lambda *_: None
    )
    with pytest.raises(UserError, match="huggingface-cli download Qwen/Qwen3-1.7B .*n1.6-release"):
        find_tokenizer([tmp_path], full_config())


def sha256(values: np.ndarray) -> str:
    return hashlib.sha256(np.ascontiguousarray(values).tobytes()).hexdigest()


def pipeline(**changes: Any) -> ImagePipeline:
    return N16.images({**KWARGS, **changes}, EAGLE_2B, ())


@pytest.mark.parametrize("letter_box", [False, True])
@pytest.mark.parametrize(("height", "width"), SIZES)
def test_pictures_are_bit_exact(height: int, width: int, letter_box: bool) -> None:
    golden = GOLDEN_IMAGES[f"{height}x{width}"]["letter_box" if letter_box else "plain"]
    images = pipeline(letter_box_transform=letter_box)
    frame = torch.from_numpy(picture(height, width))
    cropped = images.crop(frame[None])[0].numpy()
    assert list(cropped.shape[:2]) == golden["cropped_shape"]
    assert sha256(cropped) == golden["cropped"]
    patches, grids = images([frame])
    assert list(grids[0]) == golden["grid"]
    levels = np.rint(patches.numpy() * 127.5 + 127.5).astype(np.uint8)
    assert sha256(levels) == golden["patches"]


@pytest.mark.parametrize(("height", "width"), SIZES)
def test_other_ways_of_cropping_are_bit_exact(height: int, width: int) -> None:
    """Without albumentations, and without a shortest edge: its size is then the target's."""
    golden = GOLDEN_IMAGES[f"{height}x{width}"]
    frame = torch.from_numpy(picture(height, width))[None]
    without_sizes = pipeline(
        letter_box_transform=True, shortest_image_edge=None, crop_fraction=None
    )
    torchvision = pipeline(letter_box_transform=True, use_albumentations=False)
    assert sha256(without_sizes.crop(frame)[0].numpy()) == golden["without_sizes"]
    assert sha256(torchvision.crop(frame)[0].numpy()) == golden["torchvision"]


def test_the_edge_where_no_file_tells_it() -> None:
    kwargs = {key: value for key, value in KWARGS.items() if key != "shortest_image_edge"}
    images = N16.images(kwargs, EAGLE_2B, ())
    assert images.crop(torch.zeros(1, 480, 640, 3, dtype=torch.uint8)).shape[1] == 512


@settings(max_examples=30, deadline=None)
@given(
    height=st.integers(2, 300),
    width=st.integers(2, 300),
    new_height=st.integers(1, 600),
    new_width=st.integers(1, 600),
)
def test_resize_equals_pillow(height: int, width: int, new_height: int, new_width: int) -> None:
    """Pillow up to 12 resizes rows first; 13 the axis that is cheaper, hence one at a time."""
    image = np.random.default_rng([height, width]).integers(0, 256, (height, width, 3), np.uint8)
    rows = Image.fromarray(image).resize((new_width, height), Image.Resampling.BICUBIC)
    expected = rows.resize((new_width, new_height), Image.Resampling.BICUBIC)
    found = resize_pillow(torch.from_numpy(image)[None], new_height, new_width)[0].numpy()
    np.testing.assert_array_equal(found, np.asarray(expected))


@pytest.mark.parametrize(
    ("size", "fitted"),
    [
        ((256, 256), (252, 252)),
        ((256, 455), (252, 448)),
        ((42, 42), (56, 56)),
        ((10, 10), (56, 56)),
        ((20, 90), (28, 140)),
        ((3000, 9000), (1148, 2716)),
        ((9000, 100), (7000, 112)),
        ((14, 2800), (28, 2800)),
    ],
)
def test_whole_blocks_as_eagle_counts_them(size: tuple[int, int], fitted: tuple[int, int]) -> None:
    patches = EaglePatches(14, 2)
    assert patches.fitted_size(*size) == fitted
    assert patches.tokens((fitted[0] // 14, fitted[1] // 14)) * 784 == fitted[0] * fitted[1]


def test_a_picture_that_is_too_long() -> None:
    with pytest.raises(UserError, match="picture of 2900x14 is too long"):
        EaglePatches(14, 2).fitted_size(14, 2900)


@pytest.fixture(scope="module")
def long_checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint whose network has 40 steps and whose embodiment uses 16."""
    folder = tmp_path_factory.mktemp("n16") / "long"
    init_checkpoint(folder, spec(version="N1.6"))
    raw = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(raw | {"action_horizon": 40}))
    return folder


def test_steps_behind_the_policys_are_denoised_too(long_checkpoint: Path) -> None:
    groot = Groot.load(long_checkpoint)
    assert groot.noise_shape[0] == 40
    inputs, noise = observation(groot.modality), np.zeros(groot.noise_shape)
    before = groot.predict(inputs, noise=noise)["ee_pose"]
    noise[16:] = 3.0
    after = groot.predict(inputs, noise=noise)["ee_pose"]
    assert before.shape == after.shape == (16, 9)
    assert np.abs(after - before).max() > 1e-6


def test_a_fine_tune_that_dropped_states(
    tmp_path: Path, edit_json: Callable[[Path, Callable[[dict[str, Any]], None]], None]
) -> None:
    init_checkpoint(tmp_path / "out", spec(version="N1.6"))
    inputs = observation(Groot.load(tmp_path / "out").modality)
    before = Groot.load(tmp_path / "out").predict(inputs, seed=0)
    edit_json(
        tmp_path / "out" / "config.json", lambda raw: raw.update({"state_dropout_prob": 0.5})
    )
    with pytest.raises(UserError, match="action_head.mask_token +missing +1x1x96"):
        Groot.load(tmp_path / "out")
    tensors = load_file(tmp_path / "out" / "model.safetensors")
    tensors["action_head.mask_token"] = torch.ones(1, 1, 96)
    save_file(tensors, tmp_path / "out" / "model.safetensors", metadata={"format": "pt"})
    after = Groot.load(tmp_path / "out", verify=True).predict(inputs, seed=0)
    np.testing.assert_array_equal(after["ee_pose"], before["ee_pose"])


def test_slots_of_the_released_embodiments(tmp_path: Path) -> None:
    init_checkpoint(tmp_path / "out", spec(version="N1.6"))
    (tmp_path / "out" / "embodiment_id.json").unlink()
    slots = CheckpointFolder(tmp_path / "out").slots
    assert (slots["new_embodiment"], slots["gr1"], slots["oxe_droid"]) == (10, 20, 16)


def test_the_release_has_no_slot_for_a_new_embodiment(tmp_path: Path) -> None:
    init_checkpoint(tmp_path / "out", spec(version="N1.6"))
    (tmp_path / "out" / "embodiment_id.json").write_text(json.dumps({"gr1": 19}))
    folder = CheckpointFolder(tmp_path / "out")
    assert (folder.slot("new_embodiment"), folder.slot("gr1")) == (10, 19)
    with pytest.raises(UserError, match="'nobody' has no slot in out, expected one of oxe_google"):
        folder.slot("nobody")
