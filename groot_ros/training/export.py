"""A checkpoint made small: what serving needs, in fewer bytes per number."""

from __future__ import annotations

import json
from pathlib import Path

from groot_ros.model.checkpoint.folder import CheckpointFolder
from groot_ros.model.checkpoint.load import load_network, save_checkpoint
from groot_ros.model.inference.device import DTYPES

KEPT_FILES = (
    "tokenizer.json",
    "tokenizer_config.json",
    "vocab.json",
    "merges.txt",
    "preprocessor_config.json",
)


def export_checkpoint(folder: Path, output: Path, dtype: str) -> int:
    """Write a checkpoint without the state of its training; returns the bytes written."""
    checkpoint = CheckpointFolder(folder)
    files = {name: (folder / name).read_text() for name in KEPT_FILES if (folder / name).exists()}
    files["groot_ros.json"] = json.dumps(checkpoint.metadata, indent=2) + "\n"
    save_checkpoint(
        output,
        load_network(folder, dtype=DTYPES[dtype]),
        processor_config=checkpoint.processor_config,
        statistics=checkpoint.statistics,
        slots=checkpoint.slots,
        extra_files=files,
    )
    return sum(file.stat().st_size for file in output.iterdir())
