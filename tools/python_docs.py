"""Prints docs/python.md: what scripts of a user may call, by module."""

from __future__ import annotations

import importlib
import inspect
import re
import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Any

INTRODUCTION = """# Python

What a script may call without ROS, made from the code; [examples](../examples/README.md) has four
scripts. Arrays are numpy's; poses are xyz in m and a quaternion wxyz, closures 0 (open) to 1
(closed), times ns unless a name says otherwise."""
MODULES = (
    "groot_ros.geometry",
    "groot_ros.robot.config",
    "groot_ros.signals.signals",
    "groot_ros.observation.types",
    "groot_ros.codecs.catalog",
    "groot_ros.codecs.codec",
    "groot_ros.chunks.chunk",
    "groot_ros.policy",
    "groot_ros.policies.factory",
    "groot_ros.model.inference.loaded",
    "groot_ros.data.bags.reader",
    "groot_ros.data.conversion.settings",
    "groot_ros.data.playback.episode_choice",
    "groot_ros.data.conversion.convert",
    "groot_ros.data.datasets.reader",
    "groot_ros.data.review.validate",
)


def page() -> str:
    """The whole page."""
    lines = [INTRODUCTION]
    for name in MODULES:
        module = importlib.import_module(name)
        lines += ["", f"## `{name}`", "", text(module)]
        for thing in public(module):
            lines += ["", f"### `{signature(thing)}`", "", text(thing)]
            if inspect.isclass(thing):
                lines += methods(thing)
    return "\n".join(lines) + "\n"


def public(module: ModuleType) -> Iterator[Any]:
    """The documented functions and classes of a module, in their order."""
    own = [
        thing
        for name, thing in vars(module).items()
        if not name.startswith("_") and getattr(thing, "__module__", "") == module.__name__
    ]
    things = [t for t in own if inspect.isclass(t) or inspect.isfunction(t)]
    yield from sorted(things, key=lambda t: inspect.getsourcelines(t)[1])


def methods(cls: type) -> list[str]:
    """A list of the documented methods and properties of a class."""
    lines = [""]
    for name, member in vars(cls).items():
        function = member.fget if isinstance(member, property) else member
        function = getattr(function, "__func__", function)
        if name.startswith("_") or not inspect.isfunction(function) or not function.__doc__:
            continue
        shown = name if isinstance(member, property) else signature(function)
        lines.append(f"* `{shown}`: {text(function)}")
    return lines if len(lines) > 1 else []


def signature(thing: Any) -> str:
    """As it is called, without `self` and with short names of types."""
    try:
        called = str(inspect.signature(thing))
    except (TypeError, ValueError):
        return str(thing.__name__)
    called = re.sub(r"(?<=\()self(, )?", "", called.replace("'", ""))
    called = re.sub(r"<factory>|<[^>]*>", "...", called)
    return f"{thing.__name__}{called}" if len(called) < 200 else f"{thing.__name__}(...)"


def text(thing: Any) -> str:
    """A docstring as Markdown."""
    return re.sub(r"(?<!\n)\n(?!\n)", " ", inspect.getdoc(thing) or "").strip()


if __name__ == "__main__":
    sys.stdout.write(page())
