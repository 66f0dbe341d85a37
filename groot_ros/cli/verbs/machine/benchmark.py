"""`groot-ros benchmark`: measure time and memory.

For the model PyTorch and transformers are enough: `python -m groot_ros.cli.main benchmark model`.
"""

from __future__ import annotations

import importlib

from groot_ros.cli import benchmarks
from groot_ros.cli.command import Actions
from groot_ros.share import module_names

SUBJECTS = module_names(benchmarks.__name__)
COMMAND = Actions(
    commands={
        name: importlib.import_module(f"{benchmarks.__name__}.{name}").COMMAND for name in SUBJECTS
    },
    title="subjects",
    metavar="SUBJECT",
)
