"""Answers of NVIDIA's GR00T N1.7, in its own environment: called by make_golden.py alone.

`golden_answers.py FOLDER CASE...` reads FOLDER/CASE and writes `answer.npz` into it. NVIDIA's code
computes in bfloat16, from noise of its own and with a backbone and a tokenizer from the Hub: here
it computes in float32, from the noise of the case and with those of the checkpoint's folder.
"""

from __future__ import annotations

import inspect
import json
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import torch
from gr00t.model.gr00t_n1d7 import image_augmentations
from gr00t.policy import gr00t_policy
from transformers import (
    Qwen2TokenizerFast,
    Qwen2VLImageProcessorFast,
    Qwen3VLConfig,
    Qwen3VLForConditionalGeneration,
    Qwen3VLProcessor,
    Qwen3VLVideoProcessor,
)

# Qwen3-VL's chat format as far as it is used: one turn of the user, images before the words.
CHAT = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n"
    "{% for part in message.content %}"
    "{% if part.type == 'image' %}<|vision_start|><|image_pad|><|vision_end|>"
    "{% else %}{{ part.text }}{% endif %}{% endfor %}<|im_end|>\n{% endfor %}"
)
# preprocessor_config.json of Qwen3-VL-2B.
PICTURES: dict[str, Any] = {
    "size": {"shortest_edge": 65536, "longest_edge": 16777216},
    "patch_size": 16,
    "temporal_patch_size": 2,
    "merge_size": 2,
    "image_mean": [0.5, 0.5, 0.5],
    "image_std": [0.5, 0.5, 0.5],
}
PACKAGES = ("torch", "transformers", "diffusers", "albumentations", "numpy")


def backbone(checkpoint: Path) -> Qwen3VLForConditionalGeneration:
    """The backbone of a checkpoint's config, whose weights the checkpoint brings."""
    raw = json.loads((checkpoint / "config.json").read_text())["backbone_config"]
    rope = raw["text_config"].pop("rope_parameters")
    raw["text_config"] |= {"rope_theta": rope.pop("rope_theta"), "rope_scaling": rope}
    return Qwen3VLForConditionalGeneration(Qwen3VLConfig(**raw))


def processor(checkpoint: Path) -> Qwen3VLProcessor:
    """Tokenizer and pictures of a checkpoint."""
    tokenizer = Qwen2TokenizerFast(tokenizer_file=str(checkpoint / "tokenizer.json"))
    return Qwen3VLProcessor(
        image_processor=Qwen2VLImageProcessorFast(**PICTURES),
        tokenizer=tokenizer,
        video_processor=Qwen3VLVideoProcessor(),
        chat_template=CHAT,
    )


def honours_bars() -> bool:
    """Whether this version reads `letter_box_transform`; until May 2026 bars were always there."""
    build = image_augmentations.build_image_transformations_albumentations
    return any("letter" in name for name in inspect.signature(build).parameters)


class InFloat32:
    """torch for a module that says bfloat16 and shall compute in float32, its buffers too."""

    bfloat16 = torch.float32

    def __getattr__(self, name: str) -> Any:
        return getattr(torch, name)


@contextmanager
def replaced(checkpoint: Path, bars: bool) -> Iterator[None]:
    """What their code has from the Hub is the checkpoint's; no bars unless `bars`."""
    made = {
        Qwen3VLForConditionalGeneration: lambda *_, **__: backbone(checkpoint),
        Qwen3VLProcessor: lambda *_, **__: processor(checkpoint),
    }
    with ExitStack() as stack:
        stack.enter_context(patch.object(gr00t_policy, "torch", InFloat32()))
        for kind, make in made.items():
            stack.enter_context(patch.object(kind, "from_pretrained", make))
        if not bars and not honours_bars():
            pad = image_augmentations.LetterBoxPad
            stack.enter_context(patch.object(pad, "apply", lambda _, img, **__: img))
        yield


def answer(place: Path) -> dict[str, np.ndarray]:
    """Actions (T, D) by key."""
    case = json.loads((place / "case.json").read_text())
    noise = torch.from_numpy(np.load(place / "noise.npy"))
    with replaced(place / "checkpoint", case["bars"]):
        policy = gr00t_policy.Gr00tPolicy(
            case["embodiment"], str(place / "checkpoint"), device="cpu"
        )
        observation = {
            "video": {key: values[None] for key, values in np.load(place / "video.npz").items()},
            "state": {key: values[None] for key, values in np.load(place / "state.npz").items()},
            "language": {policy.language_key: [[case["text"]]]},
        }
        with patch.object(torch, "randn", lambda size, dtype, device: noise.reshape(size)):
            actions, _ = policy.get_action(observation)
    return {key: values[0] for key, values in actions.items()}


def main() -> None:
    folder, *names = sys.argv[1:]
    for name in names:
        place = Path(folder) / name
        np.savez(place / "answer.npz", **answer(place))
    versions = {name: version(name) for name in PACKAGES}
    (Path(folder) / "versions.json").write_text(json.dumps(versions))


if __name__ == "__main__":
    main()
