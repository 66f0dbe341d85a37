"""The prompts: one user turn with the images and the instruction."""

from __future__ import annotations

import functools
import re
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar

from tokenizers import Tokenizer

from groot_ros.errors import UserError

TURN_START, TURN_END, PADDING = "<|im_start|>", "<|im_end|>", "<|endoftext|>"


def formalize(instruction: str) -> str:
    """Lower case, without punctuation, as in training."""
    return re.sub(r"[^\w\s]", "", instruction.lower())


class PromptFormat(ABC):
    """A backbone's chat format; no opening of the answer.

    added_tokens: those that the tokenizer of its language model lacks, in the order of their ids
    from the image token's on.
    """

    image_start: ClassVar[str]
    image_token: ClassVar[str]
    image_end: ClassVar[str]
    added_tokens: ClassVar[tuple[str, ...]] = ()

    @property
    def special_tokens(self) -> tuple[str, ...]:
        """The tokens that a prompt is made of beside its words."""
        images = (self.image_start, self.image_end, self.image_token)
        return (PADDING, TURN_START, TURN_END, *images)

    def reserved(self, instruction: str) -> list[str]:
        """The reserved tokens that an instruction contains; it must contain none."""
        reserved = dict.fromkeys((*self.special_tokens, *self.added_tokens))
        return [token for token in reserved if token in instruction]

    @abstractmethod
    def render(self, instruction: str, image_tokens: Sequence[int]) -> str:
        """The prompt with images of `image_tokens` tokens each."""

    def image(self, tokens: int) -> str:
        return self.image_start + self.image_token * tokens + self.image_end


class QwenPrompt(PromptFormat):
    """Qwen3-VL's, of N1.7: the images first, then the instruction; no system turn."""

    image_start, image_token, image_end = "<|vision_start|>", "<|image_pad|>", "<|vision_end|>"

    def render(self, instruction: str, image_tokens: Sequence[int]) -> str:
        images = "".join(map(self.image, image_tokens))
        return f"{TURN_START}user\n{images}{instruction}{TURN_END}\n"


class EaglePrompt(PromptFormat):
    """Eagle's, of N1.6: a system turn; the instruction first, then the images, numbered."""

    image_start, image_token, image_end = "<img>", "<IMG_CONTEXT>", "</img>"
    added_tokens = (
        "<IMG_CONTEXT>",
        "<img>",
        "</img>",
        "<box>",
        "</box>",
        "<quad>",
        "</quad>",
        "<ref>",
        "</ref>",
        "<interval>",
        "</interval>",
    )

    def render(self, instruction: str, image_tokens: Sequence[int]) -> str:
        images = "".join(
            f"<image {number}>{self.image(tokens)}"
            for number, tokens in enumerate(image_tokens, start=1)
        )
        return (
            f"{TURN_START}system\nYou are a helpful assistant.{TURN_END}\n"
            f"{TURN_START}user\n{instruction}{images}{TURN_END}\n"
        )

    def reserved(self, instruction: str) -> list[str]:
        # Eagle's processor puts pictures in the place of these.
        placeholders = re.findall(r"<(?:image|video)-\d+>", instruction)
        return super().reserved(instruction) + placeholders


class PromptProcessor:
    """Instructions -> token ids; each instruction is tokenised once."""

    def __init__(self, tokenizer: Tokenizer, form: PromptFormat, formalize_language: bool) -> None:
        self._tokenizer = tokenizer
        self._form = form
        self._formalize = formalize_language
        self._encode = functools.lru_cache(maxsize=32)(self._tokenize)

    def __call__(self, instruction: str, image_tokens: Sequence[int]) -> list[int]:
        """Token ids of the prompt with images of so many tokens each."""
        return self._encode(instruction, tuple(image_tokens))

    def _tokenize(self, instruction: str, image_tokens: tuple[int, ...]) -> list[int]:
        text = formalize(instruction) if self._formalize else instruction
        reserved = self._form.reserved(text)
        if reserved:
            raise UserError(
                f"the instruction {instruction!r} holds the reserved {', '.join(reserved)}: "
                "leave it out"
            )
        prompt = self._form.render(text, image_tokens)
        return self._tokenizer.encode(prompt, add_special_tokens=False).ids
