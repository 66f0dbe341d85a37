"""Links and joints of a robot description (URDF), without its shapes and masses.

The format is that of https://wiki.ros.org/urdf/XML.
"""

from __future__ import annotations

import math
import os
import sys
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property, reduce
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import scipy
from numpy.typing import NDArray

from groot_ros.errors import UserError, did_you_mean
from groot_ros.share import share_file, user_path

Array = NDArray[np.float64]

TURNING, SLIDING = ("revolute", "continuous"), ("prismatic",)
LARGEST_BYTES = 16 << 20
"""Descriptions hold shapes by file name; a larger one is something else."""
# No robot has more, longer or larger ones, in m or rad; computing takes longer with them.
MOST_LINKS, LONGEST_NAME, LARGEST = 1000, 200, 1e4
SHOWN_NAMES = 8
# Of a joint that turns as it likes some descriptions say 1e16.
NO_LIMIT = sys.float_info.max


@dataclass(frozen=True)
class Mimic:
    """A joint that follows another one: `multiplier * other + offset`."""

    joint: str
    multiplier: float
    offset: float


@dataclass(frozen=True)
class UrdfJoint:
    """What connects two links.

    `origin` (4, 4) is the joint's frame in the parent link, `axis` (3,) of length 1 in that frame;
    lower and upper in rad or m, velocity in rad/s or m/s, None where the file sets none.
    """

    name: str
    type: str
    parent: str
    child: str
    origin: Array
    axis: Array
    lower: float | None = None
    upper: float | None = None
    mimic: Mimic | None = None
    velocity: float | None = None

    @property
    def is_moving(self) -> bool:
        """Whether the joint is revolute, continuous or prismatic."""
        return self.type in (*TURNING, *SLIDING)

    def motion(self, position: float) -> Array:
        """The child link's frame (4, 4) in the joint's frame at a position in rad or m."""
        matrix = np.eye(4)
        if self.type in TURNING:
            matrix[:3, :3] = scipy.spatial.transform.Rotation.from_rotvec(
                position * self.axis
            ).as_matrix()
        elif self.type in SLIDING:
            matrix[:3, 3] = position * self.axis
        return matrix

    def clipped(self, position: float) -> float:
        """The position inside the joint's range that is nearest."""
        low = -math.inf if self.lower is None else self.lower
        high = math.inf if self.upper is None else self.upper
        return min(max(position, low), high)


@dataclass(frozen=True)
class Urdf:
    """A tree of links. Use `parse_urdf` or `load_urdf`."""

    links: tuple[str, ...]
    joints: tuple[UrdfJoint, ...]

    @cached_property
    def _above(self) -> dict[str, UrdfJoint]:
        return {joint.child: joint for joint in self.joints}

    @cached_property
    def _by_name(self) -> dict[str, UrdfJoint]:
        return {joint.name: joint for joint in self.joints}

    def joint(self, name: str) -> UrdfJoint:
        """A joint by its name; UserError names the nearest one."""
        if name not in self._by_name:
            raise UserError(f"the URDF has no joint {name!r}; {nearest(name, self._by_name)}")
        return self._by_name[name]

    def chain(self, link: str) -> list[UrdfJoint]:
        """The joints from the root down to a link; UserError names the nearest link."""
        if link not in self.links:
            raise UserError(f"the URDF has no link {link!r}; {nearest(link, self.links)}")
        joints: list[UrdfJoint] = []
        while link in self._above:
            joints.append(self._above[link])
            link = joints[-1].parent
        return joints[::-1]

    def fixed(self, link: str, other: str) -> Array | None:
        """The frame (4, 4) of `other` in `link`, None where a joint moves between the two.

        UserError names the nearest link where one is unknown.
        """
        one, two = self.chain(link), self.chain(other)
        while one and two and one[0] is two[0]:
            one, two = one[1:], two[1:]
        if any(joint.is_moving for joint in (*one, *two)):
            return None
        ways = [reduce(np.matmul, [j.origin for j in way], np.eye(4)) for way in (one, two)]
        return np.asarray(np.linalg.inv(ways[0]) @ ways[1])


def nearest(name: str, names: Iterable[str]) -> str:
    """A hint for a name that is unknown."""
    names = list(names)
    return did_you_mean(name, names) or f"it has {', '.join(names[:40])}"


def load_urdf(path: str) -> Urdf:
    """The description in a file, shipped (`urdf/sim_arm.urdf`) or the user's own; UserError where
    it cannot be read."""
    file = _find(path)
    try:
        return parse_urdf(_read(file))
    except (UserError, OSError) as error:
        raise UserError(f"{file}: {error}") from error


def urdf_text(path: str) -> str:
    """The text of a description that `load_urdf` reads."""
    return _read(_find(path)).decode(errors="replace")


def _find(path: str) -> Path:
    for candidate in (user_path(path), _shipped(path)):
        if candidate and os.path.isfile(candidate):
            return candidate
    raise UserError(f"the URDF {path!r} is not there: give the path of a file, or a shipped one")


def _read(file: Path) -> bytes:
    with file.open("rb") as opened:
        return opened.read(LARGEST_BYTES + 1)


def _shipped(path: str) -> Path | None:
    try:
        return share_file(path)
    except FileNotFoundError:
        return None


def parse_urdf(text: str | bytes) -> Urdf:
    """The tree of a description; UserError says what it lacks."""
    if len(text) > LARGEST_BYTES:
        raise UserError(f"the URDF is larger than {LARGEST_BYTES >> 20} MiB")
    try:
        root = ElementTree.fromstring(text)
    except (ElementTree.ParseError, ValueError, LookupError) as error:
        raise UserError(
            f"the URDF is not valid XML: {error}; run xacro on a .xacro file"
        ) from error
    if root.tag != "robot":
        raise UserError(f"the URDF begins with <{root.tag}>, expected <robot>")
    links = tuple(_name(link) for link in root.iterfind("link"))
    if len(links) > MOST_LINKS:
        raise UserError(f"the URDF has {len(links)} links, at most {MOST_LINKS} are allowed")
    # Transmissions and simulators name joints as well: those have no parent.
    joints = tuple(_joint(joint) for joint in root.iterfind("joint"))
    _check_tree(links, joints)
    return Urdf(links, joints)


def _check_tree(links: tuple[str, ...], joints: tuple[UrdfJoint, ...]) -> None:
    for what, names in (
        ("link", links),
        ("joint", [joint.name for joint in joints]),
        ("child link", [joint.child for joint in joints]),
    ):
        name, count = Counter(names).most_common(1)[0] if names else ("", 0)
        if count > 1:
            raise UserError(f"the URDF has the {what} {name!r} more than once")
    known, children = set(links), {joint.child for joint in joints}
    for joint in joints:
        for link in (joint.parent, joint.child):
            if link not in known:
                raise UserError(
                    f"the URDF's joint {joint.name!r} names the link {link!r}, which it does not "
                    "have"
                )
    # As every link has at most one parent, links that no root reaches form a circle.
    below: dict[str, list[str]] = {}
    for joint in joints:
        below.setdefault(joint.parent, []).append(joint.child)
    reached = [link for link in links if link not in children]
    for link in reached:
        reached.extend(below.get(link, []))
    if circle := sorted(known - set(reached)):
        raise UserError(f"the URDF's links {', '.join(circle[:SHOWN_NAMES])} form a circle")


def _name(element: ElementTree.Element) -> str:
    name = element.get("name")
    if not name:
        raise UserError(f"the URDF has a <{element.tag}> without a name")
    if len(name) > LONGEST_NAME:
        raise UserError(
            f"the URDF has a <{element.tag}> with a name of {len(name)} characters, at most "
            f"{LONGEST_NAME} are allowed"
        )
    return name


def _joint(element: ElementTree.Element) -> UrdfJoint:
    name = _name(element)
    kind = element.get("type", "")
    if kind not in (*TURNING, *SLIDING, "fixed", "floating", "planar"):
        raise UserError(f"the URDF's joint {name!r} has the type {kind!r}")
    axis = np.array(_numbers(element.find("axis"), "xyz", (1.0, 0.0, 0.0), name))
    length = float(np.linalg.norm(axis))
    if length == 0.0 and kind in (*TURNING, *SLIDING):
        raise UserError(f"the URDF's joint {name!r} has an axis of length 0")
    limit = element.find("limit")
    has_range = kind in ("revolute", "prismatic")
    return UrdfJoint(
        name=name,
        type=kind,
        parent=_link_of(element, "parent", name),
        child=_link_of(element, "child", name),
        origin=_origin(element.find("origin"), name),
        axis=axis / (length or 1.0),
        lower=_numbers(limit, "lower", missing=(0.0,), joint=name, largest=NO_LIMIT)[0]
        if has_range
        else None,
        upper=_numbers(limit, "upper", missing=(0.0,), joint=name, largest=NO_LIMIT)[0]
        if has_range
        else None,
        mimic=_mimic(element.find("mimic"), name),
        velocity=_numbers(limit, "velocity", missing=(0.0,), joint=name, largest=NO_LIMIT)[0]
        or None,
    )


def _link_of(element: ElementTree.Element, tag: str, joint: str) -> str:
    found = element.find(tag)
    link = None if found is None else found.get("link")
    if not link:
        raise UserError(f"the URDF's joint {joint!r} has no <{tag} link=...>")
    return link


def _origin(element: ElementTree.Element | None, joint: str) -> Array:
    matrix = np.eye(4)
    # Roll, pitch and yaw are about fixed axes, in that order.
    rpy = _numbers(element, "rpy", (0.0, 0.0, 0.0), joint)
    matrix[:3, :3] = scipy.spatial.transform.Rotation.from_euler("xyz", rpy).as_matrix()
    matrix[:3, 3] = _numbers(element, "xyz", (0.0, 0.0, 0.0), joint)
    return matrix


def _mimic(element: ElementTree.Element | None, joint: str) -> Mimic | None:
    if element is None:
        return None
    return Mimic(
        element.get("joint", ""),
        _numbers(element, "multiplier", (1.0,), joint)[0],
        _numbers(element, "offset", (0.0,), joint)[0],
    )


def _numbers(
    element: ElementTree.Element | None,
    key: str,
    missing: tuple[float, ...],
    joint: str,
    largest: float = LARGEST,
) -> tuple[float, ...]:
    text = None if element is None else element.get(key)
    if text is None:
        return missing
    try:
        numbers = tuple(float(part) for part in text.split())
    except ValueError:
        numbers = ()
    if len(numbers) != len(missing) or not all(abs(number) <= largest for number in numbers):
        raise UserError(
            f"the URDF's joint {joint!r} has {key}={text[:60]!r}, expected {len(missing)} finite "
            f"numbers of at most {largest:g}"
        )
    return numbers
