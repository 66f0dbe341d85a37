"""The prompt of N1.7: one user turn, the images first, then the instruction."""

from __future__ import annotations

import re
from collections.abc import Sequence

VISION_START, IMAGE_PAD, VISION_END = "<|vision_start|>", "<|image_pad|>", "<|vision_end|>"
TURN_START, TURN_END, PADDING = "<|im_start|>", "<|im_end|>", "<|endoftext|>"
SPECIAL_TOKENS = (PADDING, TURN_START, TURN_END, VISION_START, VISION_END, IMAGE_PAD)


def formalize(instruction: str) -> str:
    """Lower case, without punctuation, as in training."""
    return re.sub(r"[^\w\s]", "", instruction.lower())


def prompt(instruction: str, image_tokens: Sequence[int]) -> str:
    """Qwen3-VL's chat format: no system turn, no opening of the answer."""
    images = "".join(VISION_START + IMAGE_PAD * count + VISION_END for count in image_tokens)
    return f"{TURN_START}user\n{images}{instruction}{TURN_END}\n"
