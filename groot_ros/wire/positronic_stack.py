"""The client stack of Positronic's protocol 3: how a client makes observations and reads answers.

A server describes it as data, a tree of `{"seq": [...]}`, `{"par": [...]}` and components
`{"name", "version", "args"}` (positronic-model-server 0.3.1, `spec.py`), outermost first. Nothing
here runs it: a description is written for our servers, and of another's is read what our codec
has to agree with.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from groot_ros.codecs.codec import Codec
from groot_ros.errors import UserError
from groot_ros.signals.kinds import CLOSURE, JOINTS, POSE
from groot_ros.signals.signals import SignalSpec
from groot_ros.wire.bounded import WireError
from groot_ros.wire.positronic import COMMAND, IMAGE, SIGNALS, TARGET_GRIP, TASK

ACTION = "action"
"""Where an answer has its rows: the motion's numbers, then the gripper."""
POSES, JOINT_ROWS = "absolute_position_action", "absolute_joints_action"
# What changes nothing that a client of this package does: it has a schedule, a codec and a
# controller of its own.
_OURS = {
    "metadata",
    "stop_on_fault",
    "pause_on_unavailable",
    "binarize_grip_inference",
    "set_control_mode",
    "change_ee_frame",
    "convert_pose",
    "rename_observation_fields",
    "select_observation_fields",
    "state_observation",
    "joint_position_action",
    "split_action_chunk",
    "chunked_schedule",
    "transform_images",
    "restrict_image_size",
    "encode_images",
    "pack_fields",
    POSES,
    JOINT_ROWS,
}
MOST_COMPONENTS = 200
POSE_FIELD = next(key for spec, key in SIGNALS.items() if spec.kind == POSE)
FITS = {"pad": "pad", "stretch": "stretch"}

Picture = tuple[int, int, str]
"""Width, height and how a picture is fitted into them."""


@dataclass(frozen=True, kw_only=True)
class ClientStack:
    """What a server of protocol 3 wants of its clients.

    `video` and `state` are the keys of NVIDIA's nested observations where the stack packs such,
    `actions` those of their answers; all are None where observations are flat, and then `rows`
    says what an answer's rows are.
    """

    fps: float = 0.0
    jpeg: bool = False
    video: Mapping[str, Picture | None] | None = None
    state: tuple[str, ...] | None = None
    actions: tuple[str, ...] | None = None
    language: str = ""
    rows: Literal["", "poses", "joints"] = ""

    @property
    def is_packed(self) -> bool:
        """Whether observations are nested as NVIDIA's."""
        return self.video is not None


def describe(
    codec: Codec, fps: float, horizon_s: float | None, jpeg: bool, site: str
) -> dict[str, Any]:
    """The stack for a server that has the codec: fields are picked, answers become commands.

    `site` is the point of Positronic's robot model where the codec's poses are, empty for theirs
    of old. UserError for a codec whose actions Positronic has no component for.
    """
    schedule: dict[str, Any] = {"fps": fps}
    if horizon_s is not None:
        schedule["horizon_sec"] = horizon_s
    width, height = codec.video.size
    pictures = [IMAGE + camera for camera in codec.video.cameras.values()]
    fields = [*pictures, *_state_fields(codec), TASK]
    picked = _sequence(
        _component("select_observation_fields", mapping={name: name for name in fields}),
        _component(
            "transform_images",
            width=width,
            height=height,
            mode="bound",
            paths=[[name] for name in dict.fromkeys(pictures)],
        ),
    )
    parts = [_component("chunked_schedule", **schedule)]
    if site:
        parts.append(
            _component(
                "change_ee_frame",
                site=site,
                transform=[0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0],
                keys=[POSE_FIELD, COMMAND],
            )
        )
    parts += [
        {"par": [picked, _actions(codec)]},
        _component("split_action_chunk"),
    ]
    return _sequence(*parts, *([_component("encode_images")] if jpeg else []))


def ee_frames(site: str) -> dict[str, Any]:
    """Where the poses of a server are, as Positronic's clients ask for it."""
    return {POSE_FIELD: {"site": site, "offset": [0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0]}}


def _state_fields(codec: Codec) -> list[str]:
    keys = {spec.name: key for spec, key in SIGNALS.items()}
    return [keys[name] for name in codec.state.signals if name in keys]


def _actions(codec: Codec) -> dict[str, Any]:
    signals = [part.signal for part in codec.action.parts]
    match [spec.kind for spec in signals]:
        case [kind, last] if kind == POSE and last == CLOSURE:
            keys = {"tgt_ee_pose_key": f"{COMMAND}.pose", "tgt_grip_key": TARGET_GRIP}
            return _component(POSES, **keys, rotation_rep="quat")
        case [kind, last] if kind == JOINTS and last == CLOSURE:
            keys = {"tgt_joints_key": f"{COMMAND}.joints", "tgt_grip_key": TARGET_GRIP}
            return _component(JOINT_ROWS, **keys, num_joints=_size(signals[0]))
    raise UserError(
        "protocol 3 of Positronic takes one pose or the joints of one arm, then its gripper, and "
        f"the codec {codec.name} answers {' '.join(spec.name for spec in signals)}: serve it with "
        "--protocol gr00t"
    )


def _size(spec: SignalSpec) -> int:
    return len(spec.columns)


def _component(name: str, **args: Any) -> dict[str, Any]:
    return {"name": name, "version": "latest", "args": args}


def _sequence(*parts: dict[str, Any]) -> dict[str, Any]:
    return {"seq": list(parts)}


def read_stack(tree: Any) -> ClientStack:
    """What a server's description asks of a client; WireError for what no client here can do."""
    found: dict[str, list[Mapping[str, Any]]] = {}
    for name, args in _components(tree, MOST_COMPONENTS):
        if name not in _OURS:
            raise WireError(
                f"its client stack has the component {name!r:.60}, which this package does not "
                "know"
            )
        found.setdefault(name, []).append(args)
    schedule = found.get("chunked_schedule", [{}])[0]
    fps = schedule.get("fps", 0.0)
    stack = ClientStack(
        fps=float(fps) if isinstance(fps, int | float) and 0 < fps < 1e6 else 0.0,
        jpeg="encode_images" in found,
    )
    if packs := found.get("pack_fields"):
        return _packed(stack, packs, found)
    rows: Literal["poses", "joints"]
    if poses := found.get(POSES):
        if poses[0].get("rotation_rep", "quat") != "quat":
            raise WireError("its client stack reads poses in another rotation than quaternions")
        rows = "poses"
    elif JOINT_ROWS in found:
        rows = "joints"
    else:
        raise WireError("its client stack makes commands in a way that this package does not know")
    return replace(stack, rows=rows)


def _packed(
    stack: ClientStack,
    packs: Sequence[Mapping[str, Any]],
    args: Mapping[str, Sequence[Mapping[str, Any]]],
) -> ClientStack:
    """A stack that packs NVIDIA's nested observations (B, T in front) and reads their answers."""
    layouts: dict[str, Any] = {}
    for pack in packs:
        layouts |= {
            name: pack[name]
            for name in ("encode_layout", "decode_layout")
            if isinstance(pack.get(name), dict)
        }
    encode, decode = layouts.get("encode_layout", {}), layouts.get("decode_layout", {})
    video, state, language = (encode.get(part) for part in ("video", "state", "language"))
    if not all(isinstance(part, dict) and part for part in (video, state, language, decode)):
        raise WireError("its client stack packs something else than video, state and language")
    sized = args.get("transform_images", [])
    pictures = {key: _picture(source, sized) for key, source in video.items()}
    return replace(
        stack,
        video=pictures,
        state=tuple(state),
        actions=tuple(decode),
        language=next(iter(language)),
    )


def _picture(source: Any, transforms: Sequence[Mapping[str, Any]]) -> Picture | None:
    """How the picture of a source is fitted, None where the stack does not say."""
    for args in transforms:
        paths, fit = args.get("paths"), FITS.get(str(args.get("mode")))
        size = (args.get("width"), args.get("height"))
        if fit and (paths is None or source in paths) and all(type(s) is int for s in size):
            return int(size[0] or 0), int(size[1] or 0), fit
    return None


def _components(tree: Any, most: int) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Names and arguments of a tree's components, in order; WireError for another shape."""
    waiting = [tree]
    while waiting:
        node, most = waiting.pop(), most - 1
        if most < 0 or not isinstance(node, dict):
            raise WireError("its client stack is no tree of components")
        inner = node.get("seq", node.get("par"))
        if isinstance(inner, list):
            waiting += inner[::-1]
            continue
        name, args = node.get("name"), node.get("args", {})
        if not isinstance(name, str) or not isinstance(args, dict):
            raise WireError("its client stack has a component without a name or arguments")
        yield name, args
