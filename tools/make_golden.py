"""Remakes test/data/golden_whole_droid.npz: what NVIDIA's own code answers for the DROID files.

    python tools/make_golden.py --source Isaac-GR00T --python Isaac-GR00T/.venv/bin/python

`--source` is a clone of github.com/NVIDIA/Isaac-GR00T at the commit that is wanted (N1.7),
`--python` the Python of the environment that you have installed for it; nothing of it becomes part
of this repository. A small network of random weights is written as a checkpoint folder; what their
code answers to the pictures, states and noise of `test_droid_checkpoint` is compared with the
golden file and, with --write, replaces it, with the commit and the versions under `made_by`.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "test" / "unit" / "model"))
import droid  # noqa: E402

GOLDEN = ROOT / "test" / "data" / "golden_whole_droid.npz"
ANSWERS = ROOT / "tools" / "golden_answers.py"
MADE_BY = "made_by"


def commit(source: Path) -> str:
    """The commit of a clone, marked where files were changed."""
    git = ["git", "-C", str(source)]
    head = subprocess.run([*git, "rev-parse", "HEAD"], capture_output=True, text=True)
    if head.returncode:
        sys.exit(f"{source} is no clone of a git repository, expected one of Isaac-GR00T")
    changed = subprocess.run(
        [*git, "status", "--porcelain", "--untracked-files=no", "gr00t"],
        capture_output=True,
        text=True,
        check=True,
    )
    return head.stdout.strip() + (" with changes" if changed.stdout else "")


def answers(
    source: Path, python: Path, folder: Path
) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """What their code answers in each case, and the versions of what computed it."""
    checkpoint = folder / "checkpoint"
    checkpoint.mkdir()
    droid.write_checkpoint(checkpoint)
    for case in droid.CASES:
        inputs = droid.seen(len(case.history))
        place = folder / case.name
        place.mkdir()
        droid.copy_checkpoint(checkpoint, place / "checkpoint", case)
        np.savez(place / "video.npz", **inputs.video)
        np.savez(place / "state.npz", **inputs.state)
        np.save(place / "noise.npy", droid.noise().numpy())
        told = {"text": inputs.language, "embodiment": droid.DROID, "bars": case.bars}
        (place / "case.json").write_text(json.dumps(told))
    names = [case.name for case in droid.CASES]
    variables = {**os.environ, "PYTHONPATH": str(source), "HF_HUB_OFFLINE": "1"}
    done = subprocess.run([python, ANSWERS, folder, *names], env=variables)
    if done.returncode:
        sys.exit(f"{ANSWERS.name} failed in the environment of {python}: see above")
    found = {
        f"{name}/{key}": values
        for name in names
        for key, values in np.load(folder / name / "answer.npz").items()
    }
    return found, json.loads((folder / "versions.json").read_text())


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--source", type=Path, required=True, help="a clone of Isaac-GR00T")
    parser.add_argument("--python", type=Path, required=True, help="the Python that runs it")
    parser.add_argument("--write", action="store_true", help=f"replace {GOLDEN.name}")
    args = parser.parse_args()
    source = args.source.resolve()
    head = commit(source)
    print(f"Isaac-GR00T {head}")
    with TemporaryDirectory() as folder:
        found, versions = answers(source, args.python.absolute(), Path(folder))
    made_by = {"Isaac-GR00T": head, **versions}
    print(", ".join(f"{name} {version}" for name, version in versions.items()))
    golden = dict(np.load(GOLDEN))
    if sorted(golden.keys() - {MADE_BY}) != sorted(found):
        print(f"other arrays than {GOLDEN.name} has: {sorted(found)}")
    for key in sorted(golden.keys() & found.keys()):
        print(
            f"{key:28} differs from {GOLDEN.name} by {np.abs(found[key] - golden[key]).max():.1e}"
        )
    if args.write:
        np.savez_compressed(GOLDEN, **found, **{MADE_BY: np.array(json.dumps(made_by))})
        print(
            f"wrote {GOLDEN.relative_to(ROOT)}; next: "
            "python -m pytest test/unit/model/test_droid_checkpoint.py"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
