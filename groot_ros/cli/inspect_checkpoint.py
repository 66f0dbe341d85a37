"""`groot-ros inspect` of a checkpoint: what it is, reads, answers and needs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def tell(path: Path, *, reads_weights: bool, as_json: bool) -> int:
    """Print what the checkpoint in a folder holds."""
    from groot_ros.model.checkpoint.inspection import inspect_checkpoint, inspect_weights
    from groot_ros.policies.checkpoint.folder import find_checkpoint

    folder = find_checkpoint(path)
    report = inspect_checkpoint(folder)
    if reads_weights:
        report["weights"] = inspect_weights(folder)
    if as_json:
        print(json.dumps(report, indent=2))
    else:
        print("\n".join(_lines(report)))
    return 0


def _lines(report: dict[str, Any]) -> list[str]:
    memory, images = report["memory"], report["images"]
    dtypes = ", ".join(f"{count} {name}" for name, count in report["dtypes"].items())
    lines = [
        f"GR00T {report['version']} in {report['path']}",
        f"  {report['tensors']} tensors ({dtypes}) in {report['files']} files, "
        f"{_gb(report['bytes'])}",
        "parameters",
        *(f"  {part:<18} {count:>14,}" for part, count in report["parameters"].items()),
        "images",
        f"  shortest edge {images['shortest_edge']} px, crop {images['crop_fraction']}, "
        f"patch {images['patch_size']}, merge {images['merge_size']}: "
        f"{images['tokens_of_a_square_picture']} tokens for a square picture",
        "memory",
        f"  to serve     {_gb(memory['serve_bfloat16_bytes'])} in bfloat16, "
        f"{_gb(memory['serve_float32_bytes'])} in float32 ({memory['serve_formula']})",
        f"  to fine-tune {_gb(memory['fine_tune_bytes'])} ({memory['fine_tune_formula']})",
    ]
    if report["action_rate_hz"]:
        lines.append(f"steps at {report['action_rate_hz']:g} Hz")
    lines.append("embodiments")
    slots = report.get("weights", {}).get("slots", {})
    for name, entry in report["embodiments"].items():
        lines += _embodiment_lines(name, entry, slots.get(name))
    return lines


def _embodiment_lines(name: str, entry: dict[str, Any], slot: dict[str, Any] | None) -> list[str]:
    notes = ["statistics" if entry["statistics"] else "no statistics"]
    if slot is not None and not slot["trained"]:
        notes.append("slot is UNTRAINED initialisation: fine-tune before use")
    lines = [f"  {name} (slot {entry['slot']}, {', '.join(notes)})"]
    modality = entry["modality"]
    if modality is None:
        return lines
    state = ", ".join(f"{key} {size or '?'}" for key, size in modality["state"].items())
    lines += [
        f"    video    {', '.join(modality['video'])} at steps {modality['video_steps']}",
        f"    state    {state} at steps {modality['state_steps']}",
    ]
    for key, action in modality["action"].items():
        lines.append(
            f"    action   {key} {action['size'] or '?'}: {action['rep']} {action['type']} "
            f"{action['format']}"
        )
    lines += [f"    horizon  {modality['horizon']} steps", f"    language {modality['language']}"]
    return lines


def _gb(count: int) -> str:
    return f"{count / 1e9:.2f} GB"
