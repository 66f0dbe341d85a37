"""`groot-ros benchmark`: measure time and memory.

For the model PyTorch and transformers are enough:
`python -m groot_ros.cli.main benchmark model`.
"""

from __future__ import annotations

import argparse
import importlib
import json
import pkgutil

from groot_ros.cli import benchmarks


def add_arguments(parser: argparse.ArgumentParser) -> None:
    subjects = parser.add_subparsers(title="subjects", metavar="SUBJECT", required=True)
    for _, name, _ in pkgutil.iter_modules(benchmarks.__path__):
        subject = importlib.import_module(f"{benchmarks.__name__}.{name}")
        options = subjects.add_parser(name, help=subject.HELP)
        subject.add_arguments(options)
        options.add_argument("--json", action="store_true", help="print one JSON object")
        options.set_defaults(subject=subject)


def run(args: argparse.Namespace) -> int:
    """Measure and print; 1 where the subject says that the result is bad."""
    result = args.subject.measure(args)
    if args.json:
        print(json.dumps(result, indent=2))
    else:
        args.subject.report(args, result)
    return int(hasattr(args.subject, "is_bad") and args.subject.is_bad(result))
