"""The nodes of the package as processes of their own."""

from __future__ import annotations

import sys
from pathlib import Path

NODES = Path(__file__).parent


def node_command(name: str, *arguments: str) -> list[str]:
    """The command line that runs the node of a file in one of the rooms with this Python."""
    [file] = NODES.glob(f"*/{name}.py")
    return [sys.executable, "-m", f"groot_ros.nodes.{file.parent.name}.{name}", *arguments]
