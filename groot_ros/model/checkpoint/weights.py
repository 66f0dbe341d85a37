"""Reading and writing the weights: safetensors, every name and shape accounted for."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from groot_ros.errors import UserError
from groot_ros.files.config_file import parse_json
from groot_ros.files.typed import KeyPath, OpenSection, Text, typed, whole
from groot_ros.model.checkpoint.files import INDEX, SINGLE, weight_files
from groot_ros.model.networks.network import Network

DTYPES = ("F32", "BF16", "F16")
LEROBOT_PREFIX = "_groot_model."
SHARD_BYTES = 5_000_000_000
# Mapped pages count as the process's memory until the file is closed: it is reopened this often.
MAPPED_BYTES = 128 * 2**20
# What safetensors itself allows.
HEADER_BYTES = 100_000_000
LARGEST = 1 << 62
Bytes = Annotated[int, whole(0, LARGEST)]
"""Of a length and of a file."""
SLOT_WEIGHT = re.compile(r"action_head\.(state_encoder|action_encoder|action_decoder)\..*\.[Wb]$")


@dataclass(frozen=True)
class Stored:
    """A tensor as it lies in a file, under a name; dtype as safetensors writes it, as BF16."""

    file: Path
    name: str
    dtype: str
    shape: tuple[int, ...]


class TensorEntry(OpenSection, frozen=True, kw_only=True):
    """A tensor in the header of a file of weights."""

    dtype: Text
    shape: tuple[Bytes, ...]
    data_offsets: tuple[Bytes, ...]


def stored_tensors(folder: Path) -> dict[str, Stored]:
    """All tensors of a folder's weights by the network's names, from the files' headers alone."""
    tensors: dict[str, Stored] = {}
    for file in dict.fromkeys(weight_files(folder)):
        tensors |= _header(file)
    return {name.removeprefix(LEROBOT_PREFIX): stored for name, stored in tensors.items()}


def _header(file: Path) -> dict[str, Stored]:
    """What a file holds; whether its entries fit one another safetensors checks."""
    try:
        with file.open("rb") as stream:
            size = int.from_bytes(stream.read(8), "little")
            if size > min(file.stat().st_size, HEADER_BYTES):
                raise ValueError("its header is longer than the file")
            text = stream.read(size).decode()
        header = parse_json(text, "its header", "it is damaged")
        if isinstance(header, dict):
            header.pop("__metadata__", None)
        entries = typed(header, dict[str, TensorEntry], KeyPath("its header"))
        tensors = {n: Stored(file, n, entry.dtype, entry.shape) for n, entry in entries.items()}
        end = max((place for entry in entries.values() for place in entry.data_offsets), default=0)
        if file.stat().st_size != 8 + size + end:
            raise ValueError(f"{file.stat().st_size} bytes, expected {8 + size + end}")
    except (OSError, ValueError) as error:
        raise UserError(
            f"{file} is corrupt or not completely copied ({error}): copy it again"
        ) from None
    return tensors


@dataclass(frozen=True)
class Plan:
    """Which stored tensor fills which parameter."""

    parameters: Mapping[str, Stored]
    slot: int | None


def plan(network: Network, stored: Mapping[str, Stored], slot: int | None) -> Plan:
    """Match every parameter with a stored tensor; UserError holds the table of differences.

    Not read: the tied output head, text layers above those of the network, and, with `slot`,
    the other embodiments' weights. The output head stands for the embedding that it is tied to
    where that one was left out.
    """
    names = network.backbone.names
    if names.head in stored and names.embedding not in stored:
        stored = {**stored, names.embedding: stored[names.head]}
    expected = {name: tuple(p.shape) for name, p in network.named_parameters()}
    problems = []
    for name, shape in expected.items():
        if name not in stored:
            problems.append((name, "missing", _size(shape)))
            continue
        found = stored[name].shape
        if slot is not None and SLOT_WEIGHT.match(name):
            shape = (found[0] if found[0] > slot else slot + 1, *shape[1:])
        if found != shape:
            problems.append((name, _size(found), _size(shape)))
        if stored[name].dtype not in DTYPES:
            problems.append((name, stored[name].dtype, " or ".join(DTYPES)))
    for name, tensor in stored.items():
        if name not in expected and not _unused(name, network):
            problems.append((name, _size(tensor.shape), "no such tensor"))
    if problems:
        raise UserError(_table(problems))
    return Plan({name: stored[name] for name in expected}, slot)


def _unused(name: str, network: Network) -> bool:
    names = network.backbone.names
    layer = names.text_layer(name)
    return name == names.head or (layer is not None and layer >= network.config.select_layer)


def _size(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape)) or "scalar"


def _table(problems: list[tuple[str, str, str]]) -> str:
    shown = [("tensor", "checkpoint", "network"), *problems[:20]]
    widths = [max(len(row[column]) for row in shown) for column in range(3)]
    lines = [
        "  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)) for row in shown
    ]
    more = [f"... and {len(problems) - 20} more"] if len(problems) > 20 else []
    return (
        f"{len(problems)} tensors of the checkpoint do not fit the network of its config.json: "
        "get config.json and weights of the same checkpoint\n"
        + "\n".join(line.rstrip() for line in lines + more)
    )


def load(
    network: Network, folder: Path, device: torch.device, dtype: torch.dtype, slot: int | None
) -> None:
    """Fill a network built on the meta device, tensor by tensor, straight to device and dtype.

    UserError for a weight that is NaN or infinite.
    """
    assigned: dict[str, Tensor] = {}
    for name, tensor in read(plan(network, stored_tensors(folder), slot)):
        # A sum finds any NaN without a second tensor of this size.
        if not torch.isfinite(tensor.sum(dtype=torch.float32)) and not tensor.isfinite().all():
            raise UserError(
                f"tensor {name} in {folder} holds NaN or infinity: the training that wrote it "
                "diverged or the file is damaged, use another checkpoint"
            )
        assigned[name] = tensor.to(device=device, dtype=dtype, copy=True)
    assign(network, assigned)


def assign(network: Network, tensors: Mapping[str, Tensor]) -> None:
    """Give a network built on the meta device its weights, the tied head left out."""
    names = network.backbone.names
    head = {names.head: tensors[names.embedding]}
    network.load_state_dict({**tensors, **head}, strict=True, assign=True)
    network.backbone.tie()


def verify(network: Network, folder: Path, slot: int | None) -> None:
    """Read the files again and compare every parameter in memory; UserError names the others."""
    parameters = dict(network.named_parameters())
    different = [
        name
        for name, tensor in read(plan(network, stored_tensors(folder), slot))
        if not torch.equal(parameters[name].cpu(), tensor.to(parameters[name].dtype))
    ]
    if different:
        raise UserError(
            f"{len(different)} tensors in memory differ from {folder}, such as {different[0]}: "
            "test this machine's memory and load again"
        )


def read(tensors: Plan) -> Iterator[tuple[str, Tensor]]:
    """The planned tensors in file order, mapped; each is valid until the next one. UserError for a
    file that cannot be read."""
    by_file: dict[Path, list[str]] = {}
    for name, stored in tensors.parameters.items():
        by_file.setdefault(stored.file, []).append(name)
    for file, names in by_file.items():
        try:
            for group in _groups(names, tensors.parameters):
                with safe_open(file, framework="pt") as opened:
                    for name in group:
                        own = tensors.parameters[name].name
                        if tensors.slot is not None and SLOT_WEIGHT.match(name):
                            part = opened.get_slice(own)
                            yield name, part[tensors.slot : tensors.slot + 1]
                        else:
                            yield name, opened.get_tensor(own)
        except (SafetensorError, OSError) as error:
            raise UserError(f"{file} cannot be read ({error}): copy it again") from None


def _groups(names: list[str], stored: Mapping[str, Stored]) -> Iterator[list[str]]:
    group: list[str] = []
    size = 0
    for name in names:
        group.append(name)
        size += 4 * int(torch.Size(stored[name].shape).numel())
        if size > MAPPED_BYTES:
            yield group
            group, size = [], 0
    if group:
        yield group


def save(network: Network, folder: Path) -> None:
    """Write the weights, the tied head left out."""
    tensors = dict(network.named_parameters())
    sizes = {name: tensor.nbytes for name, tensor in tensors.items()}
    write(folder, sizes, lambda name: tensors[name].detach().cpu().contiguous())


def write(folder: Path, sizes: Mapping[str, int], tensor: Callable[[str], Tensor]) -> None:
    """Write tensors of known sizes in bytes, by name, in shards of SHARD_BYTES with an index."""
    shards: list[list[str]] = [[]]
    filled = 0
    for name in sorted(sizes):
        if filled + sizes[name] > SHARD_BYTES and shards[-1]:
            shards.append([])
            filled = 0
        shards[-1].append(name)
        filled += sizes[name]
    weight_map = {}
    for number, names in enumerate(shards, start=1):
        file = SINGLE
        if len(shards) > 1:
            file = f"model-{number:05d}-of-{len(shards):05d}.safetensors"
        write_file(folder / file, {name: tensor(name) for name in names})
        weight_map.update(dict.fromkeys(names, file))
    if len(shards) > 1:
        index = {"metadata": {"total_size": sum(sizes.values())}, "weight_map": weight_map}
        (folder / INDEX).write_text(json.dumps(index, indent=2) + "\n")


def write_file(file: Path, tensors: dict[str, Tensor]) -> None:
    """Write tensors as safetensors, readable as any new file is.

    safetensors itself makes files that only their owner may read.
    """
    save_file(tensors, file, {"format": "pt"})
    beside = file.with_suffix(".mode")
    beside.touch()
    shutil.copymode(beside, file)
    beside.unlink()
