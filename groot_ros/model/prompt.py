"""The prompt of N1.7: one user turn, the images first, then the instruction."""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence

from tokenizers import Tokenizer

from groot_ros.errors import UserError

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


class PromptProcessor:
    """Instructions -> token ids; each instruction is tokenised once."""

    def __init__(self, tokenizer: Tokenizer, formalize_language: bool) -> None:
        self._tokenizer = tokenizer
        self._formalize = formalize_language
        self._encode = functools.lru_cache(maxsize=32)(self._tokenize)

    def __call__(self, instruction: str, image_tokens: Sequence[int]) -> list[int]:
        """Token ids of the prompt with images of so many tokens each."""
        return self._encode(instruction, tuple(image_tokens))

    def _tokenize(self, instruction: str, image_tokens: tuple[int, ...]) -> list[int]:
        text = formalize(instruction) if self._formalize else instruction
        special = [token for token in SPECIAL_TOKENS if token in text]
        if special:
            raise UserError(
                f"the instruction {instruction!r} holds the reserved {', '.join(special)}: "
                "leave it out"
            )
        return self._tokenizer.encode(prompt(text, image_tokens), add_special_tokens=False).ids
