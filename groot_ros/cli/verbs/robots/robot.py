"""`groot-ros robot`: draft a robot file from a bag, a running robot or a URDF, and check one.

See docs/your_robot.md.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from groot_ros.cli.output_files import check_folder
from groot_ros.errors import UserError
from groot_ros.files.shell import quoted

if TYPE_CHECKING:
    from groot_ros.robot.checking.finding import Finding
    from groot_ros.robot.config import RobotConfig
    from groot_ros.robot.drafting.robot_draft import RobotDraft
    from groot_ros.robot.drafting.seen import SeenTopic
    from groot_ros.robot.urdf import Urdf

LISTEN_S = 5.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(
        title="actions", metavar="ACTION", required=True, dest="action"
    )
    new = actions.add_parser("new", help="draft a robot file from what is seen of a robot")
    new.add_argument("output", type=Path, help="robot file to write; its name names the robot")
    new.add_argument(
        "--bag",
        type=Path,
        nargs="+",
        default=[],
        help="bags of a demonstration, or folders of some; without one the running robot is seen",
    )
    new.add_argument("--urdf", default="", help="description of the arm, a file")
    new.add_argument(
        "--seconds", type=float, default=LISTEN_S, help="listen to a running robot (%(default)s)"
    )
    new.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="what is known already, by key of the robot file, such as output.rate=50",
    )
    new.add_argument(
        "--no-ask", action="store_true", help="ask nothing, also where there is a terminal"
    )
    check = actions.add_parser("check", help="what is wrong with a robot file")
    check.add_argument("robot", help="robot name or file")
    check.add_argument(
        "--live", action="store_true", help="also against the running robot: rates, clocks, ranges"
    )
    check.add_argument(
        "--wiggle",
        action="store_true",
        help="then, after you have confirmed it, move the arm by 10 mm or 0.05 rad and back "
        "through the executor and see whether it follows",
    )
    check.add_argument(
        "--yes", action="store_true", help="confirms the motion of --wiggle beforehand"
    )
    check.add_argument(
        "--seconds", type=float, default=LISTEN_S, help="listen to the robot (%(default)s)"
    )
    check.add_argument("--json", action="store_true", help="print one JSON object")


def run(args: argparse.Namespace) -> int:
    return {"new": _new, "check": _check}[args.action](args)


def _check(args: argparse.Namespace) -> int:
    from groot_ros.robot.checking.of_file import file_findings
    from groot_ros.robot.config import load_robot

    robot = load_robot(args.robot)
    found = file_findings(robot)
    report: dict[str, Any] = {"robot": robot.name}
    if args.live or args.wiggle:
        found += _measured(args, robot)
    if args.wiggle:
        if any(not finding.is_doubt for finding in found):
            print("nothing is moved before what is wrong is mended")
        else:
            found += _wiggled(args, robot, report)
    if args.json:
        print(json.dumps(report | {"findings": [asdict(f) for f in found]}, indent=2))
    else:
        print("\n".join(map(str, found)) or f"robot {robot.name}: nothing wrong was found")
    return 1 if any(not finding.is_doubt for finding in found) else 0


def _measured(args: argparse.Namespace, robot: RobotConfig) -> list[Finding]:
    """What the running robot says against its file."""
    from groot_ros.nodes.clients.operator_node import running_node
    from groot_ros.nodes.clients.topic_listener import TopicListener
    from groot_ros.robot.checking.live import live_findings, stream_lines

    with running_node(TopicListener) as node:
        seen = {topic.name: topic for topic in node.listen(args.seconds)}
    if not args.json:
        print("\n".join(stream_lines(robot, seen)))
    return live_findings(robot, seen)


def _wiggled(
    args: argparse.Namespace, robot: RobotConfig, report: dict[str, Any]
) -> list[Finding]:
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
    if not args.yes and not _confirmed(f"the arm will move {motion} and back"):
        return []
    path = str(robot_path(args.robot).resolve())
    with running_node(lambda: WiggleNode(robot)) as node:
        try:
            found = run_wiggle(node, path)
        finally:
            node.close()
    report["wiggle"] = asdict(found)
    if not args.json:
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


def _new(args: argparse.Namespace) -> int:
    from groot_ros.robot.config import load_robot
    from groot_ros.robot.drafting.draft import draft_robot
    from groot_ros.robot.drafting.robot_draft import read_answer

    answers = [read_answer(text) for text in args.set]
    check_folder(args.output)
    if args.output.exists():
        raise UserError(f"{args.output} is there already: remove it or name another file")
    seen = _seen(args)
    urdf, urdf_path = _urdf(args, seen)
    draft = draft_robot(args.output.stem, seen, urdf, urdf_path)
    for key, value in answers:
        draft.answer(key, value)
    if sys.stdin.isatty() and not args.no_ask:
        _ask(draft)
    args.output.write_text(draft.text, encoding="utf-8")
    print(f"wrote {args.output}")
    for kind, notes in (("guessed", draft.guessed), ("not known", draft.open)):
        for key, note in notes.items():
            print(f"{kind}: {key}: {note}")
    for note in draft.left_out:
        print(f"left out: {note}")
    try:
        load_robot(args.output)
    except UserError as error:
        print(f"to be filled in before it loads: {error}")
    print(f"==> groot-ros robot check {quoted(args.output)}")
    return 0


def _seen(args: argparse.Namespace) -> list[SeenTopic]:
    if args.bag:
        from groot_ros.cli.progress import with_progress
        from groot_ros.data.bags.files import find_bags
        from groot_ros.data.review.robot_draft import seen_in_bags

        bags = find_bags(args.bag)
        return seen_in_bags(list(with_progress(bags, "reading", len(bags))))
    if args.urdf:
        return []
    from groot_ros.nodes.clients.operator_node import running_node
    from groot_ros.nodes.clients.topic_listener import TopicListener

    print(f"listening for {args.seconds:g} s: move the gripper once from open to closed")
    with running_node(TopicListener) as node:
        seen = node.listen(args.seconds)
    if not any(topic.count for topic in seen):
        raise UserError(
            f"no robot was heard within {args.seconds:g} s: start its driver on this "
            "ROS_DOMAIN_ID, or name a recording with --bag or its description with --urdf"
        )
    return seen


def _urdf(args: argparse.Namespace, seen: list[SeenTopic]) -> tuple[Urdf | None, str]:
    """The description, of a file or as the robot publishes it, and how the robot file names it."""
    from groot_ros.observation.routes import STRING
    from groot_ros.robot.urdf import load_urdf, parse_urdf

    if args.urdf:
        urdf = load_urdf(args.urdf)
        is_file = Path(args.urdf).expanduser().is_file()
        return urdf, str(Path(args.urdf).expanduser().resolve()) if is_file else args.urdf
    for topic in seen:
        if topic.type_name == STRING and topic.name.endswith("robot_description") and topic.text:
            urdf = parse_urdf(topic.text)
            beside = args.output.with_suffix(".urdf")
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
