"""The edit list: what is written is read, and nobody's edit is lost."""

from __future__ import annotations

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from groot_ros.data.datasets.edits import (
    EDITS,
    Edit,
    EditConflict,
    EditEntry,
    EditList,
    EditStore,
    dataset_fingerprint,
)
from groot_ros.errors import UserError

frames = st.integers(min_value=0, max_value=10**6)
# No half of a pair of UTF-16, which no file can hold.
words = st.text(st.characters(exclude_categories=["Cs"]), min_size=1).map(str.strip).filter(bool)
edits = st.builds(
    Edit,
    discard=st.booleans(),
    success=st.none() | st.booleans(),
    instruction=st.none() | words,
    start=st.none() | frames,
    end=st.none() | st.integers(min_value=10**6 + 1, max_value=10**7),
)


def make_dataset(folder: Path) -> Path:
    (folder / "meta").mkdir(parents=True)
    (folder / "meta" / "info.json").write_text('{"fps": 15}')
    (folder / "meta" / "episodes.jsonl").write_text('{"episode_index": 0}\n')
    return folder


@given(st.dictionaries(words, st.builds(EditEntry, edits, frames)))
def test_what_is_written_is_read(
    tmp_path_factory: pytest.TempPathFactory, entries: dict[str, EditEntry]
) -> None:
    path = tmp_path_factory.mktemp("edits") / "edits.json"
    EditList(entries, "a hash").write(path)
    found = EditList.read(path)
    assert found == EditList(entries, "a hash")
    assert found.edits == {n: e.edit for n, e in entries.items() if e.edit != Edit()}


def test_an_edit_list_by_hand(tmp_path: Path) -> None:
    path = tmp_path / "list.json"
    path.write_text('{"format": 1, "episodes": {"demo_3#1": {"success": false, "start": 4}}}')
    assert EditList.read(path).edits == {"demo_3#1": Edit(success=False, start=4)}


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ('{"format": 2, "episodes": {}}', "format is 2, expected a whole number from 1 to 1"),
        ('{"format": 1, "episodes": {"1": {"end": 0}}}', "episodes.1.end is 0, expected"),
        (
            '{"format": 1, "episodes": {"1": {"start": 5, "end": 5}}}',
            "expected more than start, 5",
        ),
        ('{"format": 1, "episodes": {"1": {"discrad": true}}}', "did you mean discard"),
        ('{"format": 1, "episodes": {"1": {"instruction": " "}}}', "episodes.1.instruction is"),
        ('{"format": 1, "episode": {}}', "episode is not a known key; did you mean episodes"),
        ("[]", "expected a mapping"),
        ("{", "is no valid JSON"),
    ],
)
def test_what_is_amiss_is_named(tmp_path: Path, content: str, sentence: str) -> None:
    path = tmp_path / "list.json"
    path.write_text(content)
    with pytest.raises(UserError, match=sentence):
        EditList.read(path)


def test_two_writers_cannot_undo_each_others_edits(tmp_path: Path) -> None:
    one, other = (EditStore(make_dataset(tmp_path / "set")), EditStore(tmp_path / "set"))
    assert one.write("3", Edit(discard=True), 0) == 1
    with pytest.raises(EditConflict, match="episode 3 was edited elsewhere") as conflict:
        other.write("3", Edit(success=True), 0)
    assert conflict.value.current == EditEntry(Edit(discard=True), 1)
    assert other.write("4", Edit(success=True), 0) == 1
    assert other.write("3", Edit(), 1) == 2
    # Taken back, which still counts: who saw revision 0 must not write over it unseen.
    assert one.read().edits == {"4": Edit(success=True)}
    with pytest.raises(EditConflict):
        one.write("3", Edit(discard=True), 0)
    assert one.write("3", Edit(discard=True), 2) == 3


WRITER = """
import sys
from pathlib import Path
from groot_ros.data.datasets.edits import Edit, EditConflict, EditStore
store, name = EditStore(Path(sys.argv[1])), sys.argv[2]
for number in range(20):
    store.write(name, Edit(start=number), number)
    while True:
        try:
            seen = store.read().episodes.get("both")
            count = seen.edit.start if seen else 0
            store.write("both", Edit(start=count + 1), seen.revision if seen else 0)
            break
        except EditConflict:
            pass
"""


def test_processes_and_threads_lose_nothing(tmp_path: Path) -> None:
    dataset = make_dataset(tmp_path / "set")

    def run(name: str) -> int:
        return subprocess.run([sys.executable, "-c", WRITER, dataset, name], check=True).returncode

    def write(name: str) -> None:
        for number in range(20):
            EditStore(dataset).write(name, Edit(start=number), number)

    with ThreadPoolExecutor(4) as pool:
        tasks = [pool.submit(run, "a"), pool.submit(run, "b")]
        tasks += [pool.submit(write, "c"), pool.submit(write, "d")]
        for task in tasks:
            task.result()
    found = EditStore(dataset).read()
    assert found.edits == {name: Edit(start=19) for name in "abcd"} | {"both": Edit(start=40)}
    assert sorted(path.name for path in (dataset / "meta").iterdir()) == [
        "edits.json",
        "episodes.jsonl",
        "info.json",
    ]


def test_edits_of_a_dataset_that_was_changed_are_refused(tmp_path: Path) -> None:
    dataset = make_dataset(tmp_path / "set")
    store = EditStore(dataset)
    store.write("0", Edit(discard=True), 0)
    assert json.loads((dataset / EDITS).read_text())["dataset"] == dataset_fingerprint(dataset)
    with (dataset / "meta" / "episodes.jsonl").open("a") as file:
        file.write('{"episode_index": 1}\n')
    with pytest.raises(UserError, match="was changed meanwhile: open it again"):
        store.write("0", Edit(), 1)
    with pytest.raises(UserError, match="was made for another dataset"):
        EditStore(dataset).read()
