"""Edits of several pages at once."""

from __future__ import annotations

import json
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from groot_ros.data.datasets.edits import EditStore
from groot_ros.viewer.dataset_subject import DatasetSubject
from groot_ros.viewer.editing import Editing

FRAMES = 100


def change(editing: Editing, index: int, name: str, was: Any, now: Any) -> dict[str, Any]:
    return editing.change(str(index), FRAMES, {name: {"was": was, "now": now}})


def test_two_pages_lose_nothing(dataset: Path) -> None:
    one, other = Editing(EditStore(dataset)), Editing(EditStore(dataset))
    assert change(one, 0, "success", None, True)["conflicts"] == {}
    # The other page has not seen that, and changes something else.
    found = change(other, 0, "instruction", None, "push the cube")
    assert found["conflicts"] == {}
    assert found["edit"]["success"] is True and found["edit"]["instruction"] == "push the cube"
    found = one.change(
        "0",
        FRAMES,
        {
            "instruction": {"was": None, "now": "lift the cube"},
            "start": {"was": None, "now": 3},
        },
    )
    # What nobody else changed is saved, what both changed is theirs until somebody decides.
    assert found["conflicts"] == {"instruction": "push the cube"}
    assert found["edit"]["start"] == 3 and found["edit"]["instruction"] == "push the cube"
    found = change(one, 0, "instruction", "push the cube", "lift the cube")
    assert found["conflicts"] == {} and found["edit"]["instruction"] == "lift the cube"
    stored = json.loads((dataset / "meta" / "edits.json").read_text())["episodes"]["0"]
    assert stored == {"success": True, "instruction": "lift the cube", "start": 3, "revision": 4}
    assert one.edits() == other.edits()


def test_many_writers_at_once_lose_nothing(dataset: Path) -> None:
    wished = [
        ("success", None, True),
        ("instruction", None, "push the cube"),
        ("start", None, 5),
        ("end", None, 50),
        ("discard", False, True),
    ]

    def write(case: tuple[int, tuple[str, Any, Any]]) -> None:
        index, (name, was, now) = case
        assert change(Editing(EditStore(dataset)), index, name, was, now)["conflicts"] == {}

    cases = [(index, wish) for index in range(3) for wish in wished]
    with ThreadPoolExecutor(5) as pool:
        list(pool.map(write, cases))
    whole = {name: now for name, _, now in wished}
    assert Editing(EditStore(dataset)).edits() == {str(index): whole for index in range(3)}


def test_an_edit_that_is_taken_back_is_none(dataset: Path) -> None:
    editing = Editing(EditStore(dataset))
    change(editing, 1, "discard", False, True)
    assert change(editing, 1, "discard", True, False)["edit"]["discard"] is False
    assert editing.edits() == {}


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes everywhere")
def test_a_dataset_on_a_read_only_folder_is_shown_and_takes_no_edits(dataset: Path) -> None:
    (dataset / "meta").chmod(0o555)
    try:
        about = DatasetSubject(dataset).describe()
    finally:
        (dataset / "meta").chmod(0o755)
    assert not about["is_editable"] and "copy the dataset to edit its episodes" in about["problem"]
