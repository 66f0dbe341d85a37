"""The tiny network's tokenizer: bytes, merged to the words of table-top instructions."""

from __future__ import annotations

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from groot_ros.model.processing.prompt import PromptFormat

VOCABULARY = 640
WORDS = (
    "user pick place put push pull move reach grasp lift lower open close press stack turn slide "
    "up down in on into onto to the a from of and left right front back top above box bowl plate "
    "cup drawer button door table target cube block ball can bottle red green blue yellow orange "
    "white black"
)


def tiny_tokenizer(form: PromptFormat) -> Tokenizer:
    """Byte-level tokens, so any text passes; a common word is one token."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=[*form.special_tokens, "<|video_pad|>"],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    texts = [text for word in WORDS.split() for text in (word, f" {word}")]
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer
