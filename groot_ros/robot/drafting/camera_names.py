"""The cameras of a draft: which topics they are, and what to call them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from groot_ros.cameras.catalog import CAMERA_TYPES, expected_type
from groot_ros.cameras.compressed_image import COMPRESSED_IMAGE
from groot_ros.robot.camera_stream import CameraStream
from groot_ros.robot.drafting.robot_draft import RobotDraft
from groot_ros.robot.drafting.roles import WRIST_CAMERA, has
from groot_ros.robot.drafting.seen import SeenTopic

WRIST, EXTERIOR = "wrist", "exterior"
# Parts of topics that say nothing about where a camera is.
PLAIN = {"image", "raw", "color", "rgb", "compressed", "camera", "cam", "rect", "video", "h264"}
PLAIN |= {"ffmpeg", "jpeg", "left", "right", "stream", "out"}
DEPTH = ("depth", "disparity", "infra", "confidence", "aligned")
DEPTH_ENCODINGS = ("16UC1", "32FC1", "mono16")
# Where several topics show the same, the first of these is taken.
PREFERRED = CAMERA_TYPES


def draft_cameras(draft: RobotDraft, seen: Sequence[SeenTopic]) -> None:
    """Adds the cameras, each once."""
    taken: set[str] = set()
    for topic in _chosen(draft, seen):
        name, why = _name(topic, taken)
        taken.add(name)
        key = f"observations.cameras.{name}"
        size = "x".join(map(str, topic.size)) if topic.size else "video"
        told = f"{size} {topic.encoding}, {topic.rate_hz:.1f} Hz".replace(" ,", ",")
        if why:
            draft.guess(f"{key}.topic", topic.name, f"{name}, {why}; {told}")
        else:
            draft.see(f"{key}.topic", topic.name, told)
        is_compressed = topic.type_name == COMPRESSED_IMAGE
        plain = CameraStream(topic=topic.name, key=name, compressed=False)
        ending = topic.name.rsplit("/", 1)[-1]
        if is_compressed and ending != "compressed":
            draft.see(f"{key}.compressed", True)
        elif not is_compressed and expected_type(plain) != topic.type_name:
            draft.left_out.append(f"{key}: it is {topic.type_name}, which its name does not say")
        if topic.encoding == "8UC3":
            draft.guess(f"{key}.encoding", "bgr8", "8UC3 says nothing of colours; rgb8 if wrong")
        if not topic.is_stamped:
            draft.see(f"{key}.clock", "arrival", "its messages carry no stamp")
    if not taken:
        draft.left_out.append("observations.cameras: no camera was seen")


def _chosen(draft: RobotDraft, seen: Sequence[SeenTopic]) -> Iterator[SeenTopic]:
    """One topic of each camera, without depth."""
    by_camera: dict[str, list[SeenTopic]] = {}
    for topic in seen:
        if not topic.is_camera or not topic.count:
            continue
        if has(topic.name, DEPTH) or topic.encoding in DEPTH_ENCODINGS:
            draft.left_out.append(
                f"{topic.name} shows depth: for a camera of it add depth_range: [NEAR, FAR] in m"
            )
            continue
        by_camera.setdefault(_camera(topic.name), []).append(topic)
    for topics in by_camera.values():
        best = min(topics, key=lambda t: (-round(t.rate_hz), PREFERRED.index(t.type_name)))
        yield best
        others = [topic.name for topic in topics if topic is not best]
        if others:
            draft.left_out.append(f"{', '.join(others)}: the camera of {best.name} again")


def _camera(topic: str) -> str:
    """What topics of one camera have in common: their name without the transport."""
    return re.sub(
        r"/(compressed|h264|h265|ffmpeg|image_raw|image_rect\w*|image_color)$", "", topic
    )


def _name(topic: SeenTopic, taken: set[str]) -> tuple[str, str]:
    """A name that is not taken, and why where it is not the topic's own word."""
    words = [w for w in re.split(r"[/_]", topic.name.lower()) if w and not _is_plain(w)]
    own = "_".join(dict.fromkeys(words)) or "camera"
    if own in (WRIST, EXTERIOR) and own not in taken:
        return own, ""
    wanted = WRIST if has(topic.name, WRIST_CAMERA) else EXTERIOR
    if wanted not in taken:
        return wanted, "as shipped codecs call it"
    own = own if own[0].isalpha() else f"camera_{own}"
    count = 1 + sum(name.startswith(own) for name in taken)
    return (own if own not in taken else f"{own}_{count}"), ""


def _is_plain(word: str) -> bool:
    return word in PLAIN or word.isdigit()
