"""Which codec a dataset is trained with."""

from __future__ import annotations

from collections.abc import Sequence

from groot_ros.codecs.catalog import carried_codec, find_codec, shipped_codecs
from groot_ros.codecs.file import CodecFile, Entry, entry_keys
from groot_ros.data.datasets.reader import Dataset
from groot_ros.data.datasets.writer import OWN_METADATA
from groot_ros.errors import UserError
from groot_ros.files.shell import quoted
from groot_ros.share import user_path
from groot_ros.signals.signals import EE_POSE

GROUPS = ("state", "action")


def find_pairing(dataset: Dataset, modality_config: str) -> CodecFile:
    """The codec of a dataset for a modality config: a name or a file.

    Empty means the codec that the dataset carries, or a shipped one with the same keys and
    absolute actions. UserError lists the possible ones, or says how to draft one.
    """
    carried = carried_codec(dataset.own, str(dataset.path / OWN_METADATA))
    if modality_config:
        file = _named(dataset, modality_config, carried)
    else:
        file = carried or _with_keys_of(dataset)
    _check_keys(dataset, file)
    return file


def file_keys(file: CodecFile, group: str) -> list[str]:
    """The keys of columns of state or action that a codec file names, in its order."""
    return [key for entry in getattr(file, group) for key in entry_keys(entry)]


def _with_keys_of(dataset: Dataset) -> CodecFile:
    for file in shipped_codecs():
        if not file.relative and all(_fits(dataset, file, group) for group in GROUPS):
            return file
    raise UserError(f"{dataset.path} does not carry a codec: {_how_to_draft(dataset)}")


def _fits(dataset: Dataset, file: CodecFile, group: str) -> bool:
    """Whether the keys are the same, and poses have as many numbers as their representation."""
    return file_keys(file, group) == list(dataset.places(group)) and all(
        len(entry.form.names(EE_POSE)) == dataset.places(group)[entry.key].size
        for entry in getattr(file, group)
        if isinstance(entry, Entry) and entry.form and entry.signal == EE_POSE.name
    )


def _how_to_draft(dataset: Dataset) -> str:
    return (
        f"draft one with `groot-ros codec draft --dataset {quoted(dataset.path)} "
        "--output mine.yaml`, look at it, and give --modality_config mine.yaml"
    )


def _named(dataset: Dataset, modality_config: str, carried: CodecFile | None) -> CodecFile:
    known = [*([carried] if carried else []), *shipped_codecs()]
    named = [file for file in known if file.modality_config == modality_config]
    if not named:
        named = [_codec_of_path(modality_config, known)]
    codec = dataset.own.get("codec")
    if codec is None:
        return next((file for file in named if not _missing(dataset, file)), named[0])
    fitting = [file for file in named if file.codec_name == codec]
    if not fitting:
        ways = sorted({file.modality_config for file in known if file.codec_name == codec})
        needed = sorted({file.codec_name for file in named})
        raise UserError(
            f"codec {codec} of {dataset.path} and modality config {modality_config} do not fit: "
            f"use --modality_config {' or '.join(ways)}, or convert with codec "
            f"{' or '.join(needed)}"
        )
    return fitting[0]


def _codec_of_path(path: str, known: Sequence[CodecFile]) -> CodecFile:
    if not user_path(path).is_file():
        configs = sorted({file.modality_config for file in known})
        raise UserError(
            f"modality_config {path!r} is unknown, expected one of {configs} or the path of a "
            "codec file"
        )
    return find_codec(path)


def _missing(dataset: Dataset, file: CodecFile) -> list[str]:
    """Keys of a codec that a dataset lacks."""
    return [
        f"{group}.{key}"
        for group in GROUPS
        for key in file_keys(file, group)
        if key not in dataset.places(group)
    ]


def _check_keys(dataset: Dataset, file: CodecFile) -> None:
    """UserError where a dataset lacks what the codec reads; other keys are left alone."""
    if not (missing := _missing(dataset, file)):
        return
    here = " ".join(f"{group}.{key}" for group in GROUPS for key in dataset.places(group))
    remedy = (
        "give the codec file that it was made with, or convert again"
        if dataset.own
        else _how_to_draft(dataset)
    )
    raise UserError(
        f"{dataset.path} has no {' '.join(missing)}, which codec {file.name} reads, only {here}: "
        + remedy
    )
