"""Finding the tokenizer and the image processor's numbers of the backbone."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from huggingface_hub import try_to_load_from_cache
from tokenizers import Tokenizer
from transformers import Qwen2Tokenizer

from groot_ros.errors import UserError
from groot_ros.model.config import QWEN3_VL_2B_NAMES, read_json
from groot_ros.model.images import QWEN3_VL_PROCESSOR
from groot_ros.model.prompt import SPECIAL_TOKENS

TOKENIZER_FILES = ("tokenizer.json", "vocab.json")


def find_tokenizer(folders: Sequence[Path], backbone: str) -> Path:
    """Folder with the backbone's tokenizer: the checkpoint's own, else Hugging Face's cache.

    Nothing is downloaded; UserError says which files to put where.
    """
    for folder in folders:
        if any((folder / name).exists() for name in TOKENIZER_FILES):
            return folder
    for repository in QWEN3_VL_2B_NAMES if backbone in QWEN3_VL_2B_NAMES else ():
        for name in TOKENIZER_FILES:
            cached = try_to_load_from_cache(repository, name)
            if isinstance(cached, str):
                return Path(cached).parent
    gated, public = QWEN3_VL_2B_NAMES
    raise UserError(
        f"no tokenizer found in {folders[0]} nor in the Hugging Face cache: put tokenizer.json "
        f"and tokenizer_config.json into that folder, for example with `huggingface-cli download "
        f"{public} tokenizer.json tokenizer_config.json --local-dir {folders[0]}` (the same "
        f"files of {gated} need its licence accepted on its Hugging Face page first)"
    )


def load_tokenizer(folder: Path, image_token_id: int) -> Tokenizer:
    """The fast tokenizer of a folder; UserError when it is not the backbone's."""
    try:
        if (folder / "tokenizer.json").exists():
            tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        else:
            loaded: Any = Qwen2Tokenizer.from_pretrained(folder, local_files_only=True)
            tokenizer = loaded.backend_tokenizer
    except Exception as error:
        raise UserError(
            f"the tokenizer in {folder} cannot be read ({error}): copy its files again"
        ) from None
    tokenizer.no_padding()
    tokenizer.no_truncation()
    missing = [token for token in SPECIAL_TOKENS if tokenizer.token_to_id(token) is None]
    found = tokenizer.token_to_id("<|image_pad|>")
    if missing or found != image_token_id:
        raise UserError(
            f"the tokenizer in {folder} is not the backbone's: it has <|image_pad|> as {found}, "
            f"expected {image_token_id}, and lacks {', '.join(missing) or 'no special token'}; "
            "put the backbone's own tokenizer files there"
        )
    return tokenizer


def image_processor_config(folders: Sequence[Path]) -> dict[str, Any]:
    """`preprocessor_config.json` of the checkpoint, else the numbers of Qwen3-VL-2B."""
    for folder in folders:
        if (folder / "preprocessor_config.json").exists():
            return read_json(folder / "preprocessor_config.json", "an image processor's file")
    return QWEN3_VL_PROCESSOR
