"""Finding the tokenizer of the backbone."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from huggingface_hub import try_to_load_from_cache
from tokenizers import AddedToken, Tokenizer
from transformers import Qwen2Tokenizer

from groot_ros.errors import UserError
from groot_ros.model.networks.config import Gr00tConfig
from groot_ros.model.processing.prompt import PromptFormat

TOKENIZER_FILES = ("tokenizer.json", "vocab.json")


def find_tokenizer(folders: Sequence[Path], config: Gr00tConfig) -> Path:
    """Folder with the backbone's tokenizer: the checkpoint's own, else Hugging Face's cache.

    Nothing is downloaded; UserError says which files to put where.
    """
    for folder in folders:
        if any((folder / name).exists() for name in TOKENIZER_FILES):
            return folder
    known = config.version.tokenizer
    for repository in known.repositories if config.model_name in config.version.sizes else ():
        for name in TOKENIZER_FILES:
            cached = try_to_load_from_cache(repository, name)
            if isinstance(cached, str):
                return Path(cached).parent
    raise UserError(
        f"no tokenizer found in {folders[0]} nor in the Hugging Face cache: put tokenizer.json "
        f"and tokenizer_config.json into that folder, for example with `huggingface-cli download "
        f"{known.repositories[0]} tokenizer.json tokenizer_config.json --local-dir {folders[0]}` "
        f"({known.advice})"
    )


def load_tokenizer(folder: Path, image_token_id: int, form: PromptFormat) -> Tokenizer:
    """The fast tokenizer of a folder; UserError when it is not the backbone's."""
    try:
        if (folder / "tokenizer.json").exists():
            tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        else:
            loaded: Any = Qwen2Tokenizer.from_pretrained(folder, local_files_only=True)
            tokenizer = loaded.backend_tokenizer
    except BaseException as error:
        # The library's own panics are no Exception and have no public name.
        if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
            raise
        raise UserError(
            f"the tokenizer in {folder} cannot be read ({str(error)[:300]}): copy its files again"
        ) from None
    tokenizer.no_padding()
    tokenizer.no_truncation()
    if form.added_tokens and tokenizer.get_vocab_size() == image_token_id:
        tokenizer.add_special_tokens(
            [AddedToken(token, special=True, normalized=False) for token in form.added_tokens]
        )
    missing = [token for token in form.special_tokens if tokenizer.token_to_id(token) is None]
    found = tokenizer.token_to_id(form.image_token)
    if missing or found != image_token_id:
        raise UserError(
            f"the tokenizer in {folder} is not the backbone's: it has {form.image_token} as "
            f"{found}, expected {image_token_id}, and lacks "
            f"{', '.join(missing) or 'no special token'}; put the backbone's own tokenizer files "
            "there"
        )
    return tokenizer
