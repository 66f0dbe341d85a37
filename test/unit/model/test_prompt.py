"""Prompt and tokenizer."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from networks import droid_config
from tokenizers import Tokenizer, models

from groot_ros.errors import UserError
from groot_ros.model.checkpoint.tokenizer import find_tokenizer, load_tokenizer
from groot_ros.model.networks.config import Gr00tConfig
from groot_ros.model.networks.n17 import N17
from groot_ros.model.processing.prompt import PromptProcessor, formalize
from groot_ros.model.tiny.tokenizer import tiny_tokenizer

CONFIG = Gr00tConfig.from_dict(droid_config())


def test_images_come_first_and_no_answer_is_opened() -> None:
    assert N17.prompt.render("lift it", [2, 1]) == (
        "<|im_start|>user\n"
        "<|vision_start|><|image_pad|><|image_pad|><|vision_end|>"
        "<|vision_start|><|image_pad|><|vision_end|>"
        "lift it<|im_end|>\n"
    )


@pytest.mark.parametrize(
    ("instruction", "formal"),
    [
        ("Pick up the RED cube, now!", "pick up the red cube now"),
        ("don't_stop: 3.5 cm", "dont_stop 35 cm"),
        ("Öffne die Schublade.", "öffne die schublade"),
    ],
)
def test_formalize(instruction: str, formal: str) -> None:
    assert formalize(instruction) == formal


def test_tokens_of_the_tiny_prompt() -> None:
    tokenizer = tiny_tokenizer(N17.prompt)
    ids = PromptProcessor(tokenizer, N17.prompt, True)("Pick up the red cube.", [3, 1])
    text = (
        "<|im_start|>user\n" + N17.prompt.render("pick up the red cube", [3, 1]).partition("\n")[2]
    )
    assert tokenizer.decode(ids, skip_special_tokens=False) == text
    assert ids.count(tokenizer.token_to_id("<|image_pad|>")) == 4
    # A word that the tokenizer knows is one token.
    assert len(ids) == 3 + (3 + 2) + (1 + 2) + 5 + 2


def test_any_text_is_tokenised() -> None:
    tokenizer = tiny_tokenizer(N17.prompt)
    text = "Σ 你好 zzz"
    assert tokenizer.decode(tokenizer.encode(text, add_special_tokens=False).ids) == text


def test_instructions_are_tokenised_once(monkeypatch: pytest.MonkeyPatch) -> None:
    prompts = PromptProcessor(tiny_tokenizer(N17.prompt), N17.prompt, True)
    first = prompts("lift", [1])
    monkeypatch.setattr(prompts, "_tokenizer", None)
    assert prompts("lift", [1]) is first


def test_a_missing_tokenizer_says_which_files_to_put_where(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "groot_ros.model.checkpoint.tokenizer.try_to_load_from_cache", lambda *_: None
    )
    with pytest.raises(UserError) as error:
        find_tokenizer([tmp_path], CONFIG)
    message = str(error.value)
    for part in (str(tmp_path), "tokenizer.json", "huggingface-cli download", "licence"):
        assert part in message
    assert all(name in message for name in N17.tokenizer.repositories)


def test_the_cache_is_looked_into(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    public = N17.tokenizer.repositories[0]
    cached = tmp_path / "snapshot" / "tokenizer.json"
    monkeypatch.setattr(
        "groot_ros.model.checkpoint.tokenizer.try_to_load_from_cache",
        lambda repository, name: (
            str(cached) if (repository, name) == (public, cached.name) else None
        ),
    )
    assert find_tokenizer([tmp_path], CONFIG) == cached.parent


def test_the_checkpoints_own_tokenizer_goes_first(tmp_path: Path) -> None:
    processor = tmp_path / "processor"
    processor.mkdir()
    (processor / "tokenizer.json").write_text("{}")
    assert find_tokenizer([tmp_path, processor], CONFIG) == processor


def test_another_models_tokenizer_is_refused(tmp_path: Path) -> None:
    Tokenizer(models.WordLevel({"a": 0}, unk_token="a")).save(str(tmp_path / "tokenizer.json"))
    with pytest.raises(UserError, match=r"not the backbone's: it has <\|image_pad\|> as None"):
        load_tokenizer(tmp_path, 151655, N17.prompt)


def test_a_tokenizer_of_vocabulary_and_merges(tmp_path: Path) -> None:
    """Older downloads of Qwen's tokenizer have no tokenizer.json."""
    model = json.loads(tiny_tokenizer(N17.prompt).to_str())
    names = [token["content"] for token in model["added_tokens"]]
    words = [word for word in model["model"]["vocab"] if word not in names]
    vocabulary = {word: number for number, word in enumerate(words)}
    specials = {name: number for number, name in enumerate(names, start=len(words))}
    (tmp_path / "vocab.json").write_text(json.dumps(vocabulary))
    merges = "\n".join(" ".join(pair) for pair in model["model"]["merges"])
    (tmp_path / "merges.txt").write_text(f"#version: 0.2\n{merges}\n")
    decoder = {str(id_): {"content": token, "special": True} for token, id_ in specials.items()}
    config = {"tokenizer_class": "Qwen2Tokenizer", "added_tokens_decoder": decoder}
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(config))
    text = N17.prompt.render("pick up the red cube", [2])
    tokenizer = load_tokenizer(tmp_path, specials["<|image_pad|>"], N17.prompt)
    ids = tokenizer.encode(text, add_special_tokens=False).ids
    assert tokenizer.decode(ids, skip_special_tokens=False) == text
    assert ids.count(specials["<|image_pad|>"]) == 2


def test_a_broken_tokenizer_file(tmp_path: Path) -> None:
    (tmp_path / "tokenizer.json").write_text("{")
    with pytest.raises(UserError, match="cannot be read"):
        load_tokenizer(tmp_path, 151655, N17.prompt)
