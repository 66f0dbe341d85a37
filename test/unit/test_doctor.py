"""What the doctor says of machines and graphs that are not this one."""

from __future__ import annotations

import json
import shlex
from dataclasses import replace

import pytest

from groot_ros.cli.main import main
from groot_ros.doctor.facts import Gpu, Installed, Machine, Ros
from groot_ros.doctor.graph import Endpoint, graph_findings
from groot_ros.doctor.machine import machine_findings
from groot_ros.robot.drafting.seen import SeenTopic

NUMPY = Installed(name="numpy", specifier=">=1.26", extra="", version="2.3.1")
MACHINE = Machine(
    version="0.1.0",
    python="3.12.3",
    system="Linux",
    cpus=16,
    memory=64 * 10**9,
    free_disk=500 * 10**9,
    folder="/home/me",
    shared_memory=32 * 10**9,
    has_real_time=True,
    gpu=Gpu(driver="580.65", torch="2.13.0+cu130", cuda="13.0", devices=("RTX 5090",)),
    ros=Ros(distribution="jazzy"),
    packages=(NUMPY,),
)


def test_a_good_machine_has_no_findings() -> None:
    ray = Installed(name="ray", specifier="", extra="ray", version=None)
    assert machine_findings(replace(MACHINE, packages=(NUMPY, ray))) == []


@pytest.mark.parametrize(
    ("changes", "key", "said", "command"),
    [
        ({"python": "3.9.18"}, "python", "is 3.9.18", "make clean"),
        (
            {"gpu": Gpu(driver="580.65", torch="2.13.0+cpu")},
            "gpu",
            "built without CUDA",
            "TORCH_INDEX=https://download.pytorch.org/whl/cu",
        ),
        (
            {"gpu": Gpu(driver="470.1", torch="2.13.0+cu130", cuda="13.0")},
            "gpu",
            "finds no GPU with the driver 470.1",
            "nvidia-smi",
        ),
        ({"shared_memory": 64 * 2**20}, "/dev/shm", "has 67 MB", "remount"),
        ({"free_disk": 10**9}, "disk", "1.0 GB are free in /home/me", "df -h /home/me"),
        ({"has_real_time": False}, "rtprio", "real time", "rtprio 50"),
        (
            {"packages": (replace(NUMPY, version="1.24.0"),)},
            "packages",
            "numpy>=1.26 (1.24.0)",
            "pip install 'numpy>=1.26'",
        ),
        (
            {"packages": (NUMPY, Installed(name="mink", specifier="", extra="sim", version=None))},
            "packages",
            "mink (missing): needed for the extra [sim]",
            "pip install mink",
        ),
        ({"packages": ()}, "groot_ros", "not installed", "source env.sh"),
        (
            {"ros": Ros(problem="ModuleNotFoundError: No module named 'rclpy'")},
            "ros",
            "rclpy cannot be imported",
            "source env.sh",
        ),
        ({"ros": Ros(messages_problem="x")}, "groot_ros_msgs", "build", "colcon build"),
        ({"ros": Ros(profile="/gone.xml")}, "FASTRTPS_DEFAULT_PROFILES_FILE", "/gone", "unset"),
    ],
)
def test_what_is_wrong_with_a_machine_is_one_sentence_and_a_command(
    changes: dict[str, object], key: str, said: str, command: str
) -> None:
    (finding,) = machine_findings(replace(MACHINE, **changes))  # type: ignore[arg-type]
    assert finding.key == key and said in finding.sentence and command in finding.command
    assert shlex.split(finding.command)
    assert str(finding).endswith(f"\n  ==> {finding.command}")


def end(node: str, type_name: str = "a/msg/B", **values: object) -> Endpoint:
    return Endpoint(
        **{"topic": "/t", "node": node, "type_name": type_name, "is_publisher": True} | values  # type: ignore[arg-type]
    )


def test_one_topic_has_one_type_and_one_definition() -> None:
    def said(*ends: Endpoint) -> list[str]:
        return [f.sentence for f in graph_findings(ends, [], [], "/own")]

    assert said(end("/a"), end("/b", is_publisher=False)) == []
    (types,) = said(end("/a"), end("/b", "a/msg/C"))
    assert "a/msg/B at /a; a/msg/C at /b" in types
    (hashes,) = said(end("/a", type_hash="01"), end("/b", type_hash="02"))
    assert "defined differently at /a; /b" in hashes
    # A middleware that does not tell hashes is no fault.
    assert said(end("/a", type_hash="01"), end("/b")) == []
    (alone,) = said(end("/own"))
    assert "nobody else" in alone


def test_clocks_are_compared_unless_time_is_simulated() -> None:
    late = SeenTopic("/camera", "sensor_msgs/msg/Image", behind_s=[-2.5, -2.4, -2.6])
    good = SeenTopic("/joint_states", "sensor_msgs/msg/JointState", behind_s=[0.004])
    (finding,) = graph_findings([end("/a")], [], [late, good], "/own")
    assert finding.key == "/camera" and "2.5 s ahead of this machine's clock" in finding.sentence
    clock = end("/sim", topic="/clock")
    assert graph_findings([clock], [], [late], "/own") == []
    (two,) = graph_findings([clock, end("/bag", topic="/clock")], [], [late], "/own")
    assert "/bag, /sim" in two.sentence


def test_version_for_bug_reports(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["version"]) == 0
    assert capsys.readouterr().out.strip() == "0.1.0"
    assert main(["version", "--all"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert {"python", "gpu", "ros", "packages"} <= set(told)
    assert any(p["name"] == "numpy" and p["version"] for p in told["packages"])
