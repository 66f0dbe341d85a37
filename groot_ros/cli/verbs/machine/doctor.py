"""`groot-ros doctor`: what keeps groot_ros from working on this machine and in this graph.

It looks at Python, packages, the GPU, ROS 2 and the machine, listens to the graph for a while, and
compares a robot file with both. Every finding ends with the next command.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from groot_ros.cli.command import Command
from groot_ros.cli.common_options import (
    json_option,
)
from groot_ros.files.shell import quoted
from groot_ros.options import option

if TYPE_CHECKING:
    from groot_ros.robot.checking.finding import Finding
    from groot_ros.robot.config import RobotConfig
    from groot_ros.robot.drafting.seen import SeenTopic

LISTEN_S = 5.0


@dataclass(frozen=True, kw_only=True)
class Options:
    """Of `groot-ros doctor`."""

    robot: str = option("robot name or file, to be compared with the graph", default="")
    seconds: float = option("listen to the graph (%(default)s)", default=LISTEN_S)
    no_graph: bool = option("look at the machine alone, join no graph", default=False)
    json: bool = json_option()


def run(options: Options) -> int:
    from groot_ros.doctor.facts import gather_facts
    from groot_ros.doctor.machine import machine_findings
    from groot_ros.robot.checking.live import live_findings
    from groot_ros.robot.checking.of_file import file_findings
    from groot_ros.robot.config import load_robot

    facts = gather_facts()
    found = machine_findings(facts)
    report: dict[str, Any] = {"machine": asdict(facts)}
    if not options.json:
        gpus = ", ".join(facts.gpu.devices) or "no GPU"
        print(
            f"groot_ros {facts.version}, Python {facts.python}, "
            f"ROS 2 {facts.ros.distribution or 'not sourced'}, "
            f"torch {facts.gpu.torch or 'missing'}, {gpus}, {facts.cpus} processors, "
            f"{facts.memory / 1e9:.0f} GB"
        )
    robot = load_robot(options.robot) if options.robot else None
    of_robot = file_findings(robot) if robot else []
    if not options.no_graph and not facts.ros.problem:
        of_graph, seen = _listen(options, robot, report)
        found += of_graph
        of_robot += live_findings(robot, seen) if robot else []
    for finding in of_robot:
        # What mends the file is checked by the verb that is for it.
        check = finding.command or f"groot-ros robot check {quoted(options.robot)}"
        found.append(replace(finding, command=check))
    if options.json:
        print(json.dumps(report | {"findings": [asdict(f) for f in found]}, indent=2))
    else:
        print("\n".join(map(str, found)) or "nothing wrong was found")
    return 1 if any(not finding.is_doubt for finding in found) else 0


def _listen(
    options: Options, robot: RobotConfig | None, report: dict[str, Any]
) -> tuple[list[Finding], dict[str, SeenTopic]]:
    """What is wrong in the graph beside the robot's own streams, and what was seen of all."""
    from groot_ros.doctor.graph import graph_findings
    from groot_ros.nodes.clients.graph_node import GraphNode
    from groot_ros.nodes.clients.operator_node import running_node
    from groot_ros.robot.checking.of_file import topics_of
    from groot_ros.robot.topic import absolute

    if not options.json:
        print(f"listening to the graph for {options.seconds:g} s")
    with running_node(GraphNode) as node:
        node.subscribe_own()
        seen = {topic.name: topic for topic in node.listen(options.seconds)}
        endpoints, mismatches = node.endpoints(), node.mismatches()
        own_node = node.get_fully_qualified_name()
    own = {absolute(topic) for topic in topics_of(robot)} if robot else set()
    others = [topic for name, topic in seen.items() if name not in own]
    report["nodes"] = sorted({endpoint.node for endpoint in endpoints} - {own_node})
    if not options.json:
        print(f"other nodes: {', '.join(report['nodes']) or 'none'}")
    return graph_findings(endpoints, mismatches, others, own_node), seen


COMMAND = Command(options=Options, run=run)
