"""What a checkpoint's groot_ros.json says of the datasets that it was trained on."""

from __future__ import annotations

import hashlib
import importlib.metadata
from collections.abc import Mapping, Sequence
from typing import Any

from groot_ros.codecs.catalog import OWN_KEY
from groot_ros.files.hub import shown_name
from groot_ros.model.checkpoint.metadata import DATASETS, EMBODIMENT, EMBODIMENTS
from groot_ros.training.data.source import Source
from groot_ros.training.data.table import dataset_hash

# As the dataset says them.
OWN_KEYS = ("robot", "base_frame", "joints", "action_rate_hz", "cameras")


def training_metadata(
    embodiments: Mapping[str, Sequence[Source]], sources: Sequence[Source], shares: Sequence[float]
) -> dict[str, Any]:
    """Content of groot_ros.json: of one embodiment as it is, of several each under its name.

    `shares` are those of the samples that each of the `sources` gives.
    """
    if len(embodiments) == 1:
        (tag,) = embodiments
        known = {**_embodiment(sources[0]), EMBODIMENT: tag}
    else:
        known = {EMBODIMENTS: {tag: _named(tag, alike[0]) for tag, alike in embodiments.items()}}
    datasets = [_dataset(source) for source in sources]
    mixed = [
        {**dataset, "embodiment": source.embodiment, "share": share}
        for dataset, source, share in zip(datasets, sources, shares, strict=True)
    ]
    return {
        "format": 1,
        **known,
        DATASETS: [shown_name(source.dataset.path) for source in sources],
        "dataset": datasets[0] if len(datasets) == 1 else _together(mixed),
        "versions": {
            name: importlib.metadata.version(name) for name in ("torch", "transformers", "numpy")
        },
    }


def _embodiment(source: Source) -> dict[str, Any]:
    """Codec and robot of a dataset."""
    own, codec = source.dataset.own, source.codec
    return {
        "variant": codec.name,
        "codec": codec.codec_name,
        OWN_KEY: dict(codec.values),
        "action_rate_hz": source.dataset.fps,
        # Datasets of others do not say of which robot they are.
        **{key: own[key] for key in OWN_KEYS if key in own},
        # Datasets of an earlier version have none.
        **({"envelope": own["envelope"]} if "envelope" in own else {}),
        "fps": source.dataset.fps,
    }


def _named(tag: str, source: Source) -> dict[str, Any]:
    """The same; its codec says to which of the checkpoint's embodiments it belongs."""
    known = _embodiment(source)
    return {**known, OWN_KEY: {**known[OWN_KEY], "embodiment_tag": tag}}


def _dataset(source: Source) -> dict[str, Any]:
    held_out = source.held_out
    return {
        "sha256": dataset_hash(source.dataset.path),
        "episodes": len(source.dataset.episodes),
        "frames": source.dataset.info["total_frames"],
        "held_out": [file.index for file in held_out.files] if held_out else [],
    }


def _together(datasets: Sequence[dict[str, Any]]) -> dict[str, Any]:
    hashes = " ".join(str(dataset["sha256"]) for dataset in datasets)
    return {
        "sha256": hashlib.sha256(hashes.encode()).hexdigest(),
        **{name: sum(dataset[name] for dataset in datasets) for name in ("episodes", "frames")},
        "mixture": list(datasets),
    }
