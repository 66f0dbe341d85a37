"""`groot-ros robot`: draft a robot file from a bag, a running robot or a URDF, check and show it.

See docs/your_robot.md.
"""

from __future__ import annotations

import json
import sys
from contextlib import redirect_stdout
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from groot_ros.cli.command import Actions, Command
from groot_ros.cli.common_options import (
    json_option,
)
from groot_ros.cli.ending import Ending
from groot_ros.cli.output_files import check_folder
from groot_ros.errors import UserError
from groot_ros.files.shell import quoted
from groot_ros.options import argument, option, repeated

if TYPE_CHECKING:
    from groot_ros.robot.checking.finding import Finding
    from groot_ros.robot.config import RobotConfig
    from groot_ros.robot.drafting.robot_draft import RobotDraft
    from groot_ros.robot.drafting.seen import SeenTopic
    from groot_ros.robot.urdf import Urdf

LISTEN_S = 5.0


@dataclass(frozen=True, kw_only=True)
class RobotNew:
    """Of `groot-ros robot new`."""

    output: Path = argument("robot file to write; its name names the robot")
    bag: tuple[Path, ...] = option(
        "bags of a demonstration, or folders of some; without one the running robot is seen",
        default=(),
    )
    urdf: str = option("description of the arm, a file", default="")
    seconds: float = option("listen to a running robot (%(default)s)", default=LISTEN_S)
    set: tuple[str, ...] = repeated(
        "what is known already, by key of the robot file, such as output.rate=50",
        metavar="KEY=VALUE",
    )
    no_ask: bool = option("ask nothing, also where there is a terminal", default=False)


@dataclass(frozen=True, kw_only=True)
class RobotCheck:
    """Of `groot-ros robot check`."""

    robot: str = argument("robot name or file")
    live: bool = option("also against the running robot: rates, clocks, ranges", default=False)
    wiggle: bool = option(
        "then, after you have confirmed it, move the arm by 10 mm or 0.05 rad and back "
        "through the executor and see whether it follows",
        default=False,
    )
    yes: bool = option("confirms the motion of --wiggle beforehand", default=False)
    seconds: float = option("listen to the robot (%(default)s)", default=LISTEN_S)
    base_frame: str = option("that a model's poses are in, to see what differs", default="")
    joints: tuple[str, ...] = option("of the robot that a model was made for", default=())
    cameras: tuple[str, ...] = option("keys of the cameras that a model reads", default=())
    json: bool = json_option()


@dataclass(frozen=True, kw_only=True)
class RobotDisplay:
    """Of `groot-ros robot display`."""

    robot: str = argument("robot name or file")
    program: str = option(
        "that shall show the robot", default="rviz", choices=("rviz", "foxglove")
    )
    output: Path = option("file to write; what is there is replaced")
    namespace: str = option("of the launch, where it has one", default="")


def _display(options: RobotDisplay) -> Ending:
    from groot_ros.displays.catalog import write_display
    from groot_ros.robot.config import load_robot

    check_folder(options.output)
    write_display(
        load_robot(options.robot), options.program, options.output, namespace=options.namespace
    )
    said = [f"wrote {options.output}"]
    if options.program == "rviz":
        return Ending(
            made=[options.output],
            said=said,
            next={"look at it": f"rviz2 -d {quoted(options.output)}"},
        )
    said.append("in Foxglove: Layouts, Import from file, and choose it")
    return Ending(made=[options.output], said=said)


def _check(options: RobotCheck) -> int:
    from groot_ros.robot.checking.of_file import file_findings
    from groot_ros.robot.checking.of_model import MadeFor, model_findings
    from groot_ros.robot.config import load_robot

    robot = load_robot(options.robot)
    made_for = MadeFor(
        base_frame=options.base_frame, joints=options.joints, cameras=options.cameras
    )
    found = [*file_findings(robot), *model_findings(robot, made_for)]
    report: dict[str, Any] = {"robot": robot.name}
    # What is told or asked meanwhile is no JSON.
    with redirect_stdout(sys.stderr if options.json else sys.stdout):
        if options.live or options.wiggle:
            found += _measured(options, robot)
        if options.wiggle:
            if any(not finding.is_doubt for finding in found):
                print("nothing is moved before what is wrong is mended")
            else:
                found += _wiggled(options, robot, report)
    if options.json:
        print(json.dumps(report | {"findings": [asdict(f) for f in found]}, indent=2))
    else:
        print("\n".join(map(str, found)) or f"robot {robot.name}: nothing wrong was found")
    return 1 if any(not finding.is_doubt for finding in found) else 0


def _measured(options: RobotCheck, robot: RobotConfig) -> list[Finding]:
    """What the running robot says against its file."""
    from groot_ros.nodes.clients.operator_node import running_node
    from groot_ros.nodes.clients.topic_listener import TopicListener
    from groot_ros.robot.checking.live import live_findings, stream_lines

    with running_node(TopicListener) as node:
        seen = {topic.name: topic for topic in node.listen(options.seconds)}
    print("\n".join(stream_lines(robot, seen)))
    return live_findings(robot, seen)


def _wiggled(options: RobotCheck, robot: RobotConfig, report: dict[str, Any]) -> list[Finding]:
    """How the arm follows a small motion, once a person wants it."""
    from groot_ros.nodes.clients.operator_node import running_node
    from groot_ros.nodes.clients.wiggle_node import WAY_M, WAY_RAD, WiggleNode, run_wiggle
    from groot_ros.robot.config import robot_path
    from groot_ros.robot.drafting.seen import AXES
    from groot_ros.signals.kinds import JOINTS

    if robot.arms:
        raise UserError("--wiggle is for a single arm: this file has several")
    is_joints = robot.output.signal.kind == JOINTS
    motion = f"its last joint by {WAY_RAD} rad" if is_joints else f"its hand by {WAY_M * 1e3:g} mm"
    if not options.yes and not _confirmed(f"the arm will move {motion} and back"):
        return []
    path = str(robot_path(options.robot).resolve())
    with running_node(lambda: WiggleNode(robot)) as node:
        try:
            found = run_wiggle(node, path)
        finally:
            node.close()
    report["wiggle"] = asdict(found)
    of_joints = robot.output.commanded.kind == JOINTS
    scale, unit, names = (1.0, "rad", robot.joints) if of_joints else (1e3, "mm", AXES)
    print(
        f"the arm moved {scale * found.moved:.3g} of {scale * found.asked:.3g} {unit} along "
        f"{names[found.axis]}, {scale * found.beside:.2g} {unit} beside, "
        f"{1e3 * found.lag_s:.0f} ms behind its commands"
    )
    problem = found.problem()
    return [problem] if problem else []


def _confirmed(motion: str) -> bool:
    if not sys.stdin.isatty():
        raise UserError(f"{motion}, which has to be confirmed: add --yes where nobody can answer")
    try:
        return input(f"{motion}; keep a hand on the emergency stop. Type yes: ").strip() == "yes"
    except EOFError:
        return False


def _new(options: RobotNew) -> Ending:
    from groot_ros.robot.config import load_robot
    from groot_ros.robot.drafting.draft import draft_robot
    from groot_ros.robot.drafting.robot_draft import read_answer

    answers = [read_answer(text) for text in options.set]
    check_folder(options.output)
    if options.output.exists():
        raise UserError(f"{options.output} is there already: remove it or name another file")
    seen = _seen(options)
    urdf, urdf_path = _urdf(options, seen)
    draft = draft_robot(options.output.stem, seen, urdf, urdf_path)
    for key, value in answers:
        draft.answer(key, value)
    if sys.stdin.isatty() and not options.no_ask:
        _ask(draft)
    options.output.write_text(draft.text, encoding="utf-8")
    said = [f"wrote {options.output}"]
    for kind, notes in (("guessed", draft.guessed), ("not known", draft.open)):
        said += [f"{kind}: {key}: {note}" for key, note in notes.items()]
    said += [f"left out: {note}" for note in draft.left_out]
    try:
        load_robot(options.output)
    except UserError as error:
        said.append(f"to be filled in before it loads: {error}")
    return Ending(
        made=[options.output],
        facts={"guessed": draft.guessed, "not_known": draft.open, "left_out": draft.left_out},
        said=said,
        next={"then": f"groot-ros robot check {quoted(options.output)}"},
    )


def _seen(options: RobotNew) -> list[SeenTopic]:
    if options.bag:
        from groot_ros.cli.progress import with_progress
        from groot_ros.data.bags.files import find_bags
        from groot_ros.data.review.robot_draft import seen_in_bags

        bags = find_bags(options.bag)
        return seen_in_bags(list(with_progress(bags, "reading", len(bags), "bags")))
    if options.urdf:
        return []
    from groot_ros.nodes.clients.operator_node import running_node
    from groot_ros.nodes.clients.topic_listener import TopicListener

    print(f"listening for {options.seconds:g} s: move the gripper once from open to closed")
    with running_node(TopicListener) as node:
        seen = node.listen(options.seconds)
    if not any(topic.count for topic in seen):
        raise UserError(
            f"no robot was heard within {options.seconds:g} s: start its driver on this "
            "ROS_DOMAIN_ID, or name a recording with --bag or its description with --urdf"
        )
    return seen


def _urdf(options: RobotNew, seen: list[SeenTopic]) -> tuple[Urdf | None, str]:
    """The description, of a file or as the robot publishes it, and how the robot file names it."""
    from groot_ros.observation.routes import STRING
    from groot_ros.robot.urdf import load_urdf, parse_urdf

    if options.urdf:
        urdf = load_urdf(options.urdf)
        is_file = Path(options.urdf).expanduser().is_file()
        return urdf, str(Path(options.urdf).expanduser().resolve()) if is_file else options.urdf
    for topic in seen:
        if topic.type_name == STRING and topic.name.endswith("robot_description") and topic.text:
            urdf = parse_urdf(topic.text)
            beside = options.output.with_suffix(".urdf")
            if beside.exists():
                raise UserError(f"{beside} is there already: remove it, or name it with --urdf")
            beside.write_text(topic.text, encoding="utf-8")
            print(f"wrote {beside}, which {topic.name} told")
            return urdf, beside.name
    return None, ""


def _ask(draft: RobotDraft) -> None:
    """Ask a person what nobody else knows; an empty answer leaves it for later."""
    from groot_ros.robot.drafting.robot_draft import answered

    for key, question in draft.open.items():
        try:
            said = input(f"{key}: {question}: ").strip()
        except EOFError:
            return
        if said:
            draft.answer(key, answered(key, said))


COMMAND = Actions(
    commands={
        "new": Command(
            options=RobotNew, run=_new, summary="draft a robot file from what is seen of a robot"
        ),
        "check": Command(
            options=RobotCheck, run=_check, summary="what is wrong with a robot file"
        ),
        "display": Command(
            options=RobotDisplay,
            run=_display,
            summary="what rviz2 or Foxglove needs to show a robot",
        ),
    }
)
