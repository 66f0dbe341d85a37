"""`make fuzz`: hostile input for every surface that takes bytes from outside.

Each surface attacks in a process of its own with a limit on memory and on the time of a case. A
case is made from the seed and its number alone, so a find is repeated by its command.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SURFACES = ("robot_files", "checkpoints", "wires", "messages", "bags", "datasets")
SEED = 20261126
FINDS = Path("fuzz_finds")
# Beyond its share of the time, for imports, its corpus and one long case.
PATIENCE_S = 900.0


def main() -> int:
    parser = argparse.ArgumentParser(prog="make fuzz", description=__doc__)
    parser.add_argument("--minutes", type=float, default=1.0, help="of attacks, all surfaces")
    parser.add_argument("--surface", choices=SURFACES, action="append")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--case", type=int, help="repeat this one alone")
    parser.add_argument("--finds", type=Path, default=FINDS, help="folder that finds go to")
    parser.add_argument("--worker", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.worker:
        from worker import Worker

        return Worker(args.surface[0], args.seed, args.worker, args.finds).run(
            60 * args.minutes, args.case
        )
    surfaces = args.surface or SURFACES
    print(f"seed {args.seed}, {args.minutes:g} minutes of attacks", flush=True)
    found = sum([_attack(name, args, 60 * args.minutes / len(surfaces)) for name in surfaces])
    print(f"{found} finds in {args.finds}/" if found else "no finds", flush=True)
    return 1 if found else 0


def _attack(name: str, args: argparse.Namespace, seconds: float) -> int:
    """Finds of one surface; a process that dies or hangs is one of them."""
    with tempfile.TemporaryDirectory(prefix=f"fuzz_{name}_") as folder:
        progress = Path(folder) / "case"
        command = [sys.executable, str(Path(__file__).parent), "--surface", name]
        command += ["--seed", str(args.seed), "--finds", str(args.finds), "--worker", folder]
        command += ["--minutes", str(seconds / 60)]
        if args.case is not None:
            command += ["--case", str(args.case)]
        began_s = time.monotonic()
        # Decoders complain there of what they are given.
        said = Path(folder) / "stderr"
        try:
            with said.open("wb") as stderr:
                run = subprocess.run(command, timeout=seconds + PATIENCE_S, stderr=stderr)
            code = run.returncode
        except subprocess.TimeoutExpired:
            code = -1
        # The number of finds; 0 too.
        if (Path(folder) / "done").exists():
            return code
        case = progress.read_text() if progress.exists() else "none"
        print(
            f"{name}: the process ended with {code} after {time.monotonic() - began_s:.0f} s in "
            f"case {case}; again: {again(name, args.seed, case)}",
            flush=True,
        )
        args.finds.mkdir(parents=True, exist_ok=True)
        last_words = said.read_text(errors="replace")[-20_000:]
        (args.finds / f"{name}-{case}.txt").write_text(
            f"{again(name, args.seed, case)}\nthe process ended with {code}\n\n{last_words}"
        )
        return 1


def again(surface: str, seed: int, case: object) -> str:
    """The command that repeats a case."""
    return f"python test/fuzz --surface {surface} --seed {seed} --case {case}"


if __name__ == "__main__":
    sys.exit(main())
