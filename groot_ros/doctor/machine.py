"""What is wrong with a machine and with what is installed on it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from groot_ros.doctor.facts import Gpu, Installed, Machine, Ros
from groot_ros.files.shell import quoted
from groot_ros.robot.checking.finding import Finding

TRIED = (3, 11), (3, 12)
# That of ROS 2 Humble: nothing in the code is newer, but no test has run with it.
UNTRIED = (3, 10)
GB = 1e9
# Extras that few want: a developer's, and a cluster's.
UNASKED = {"test", "ray"}
# Some pictures of each camera lie there for every subscriber; containers begin with 64 MB.
LEAST_SHARED_MEMORY = 256e6
# Less than a few checkpoints and a day's bags.
LEAST_DISK = 20 * GB
LIMITS = "/etc/security/limits.d/99-realtime.conf"


def machine_findings(machine: Machine) -> list[Finding]:
    """All that would keep groot_ros from working, and what it can do without."""
    return [
        *_python(machine),
        *_packages(machine.packages),
        *_gpu(machine.gpu),
        *_ros(machine.ros),
        *_resources(machine),
    ]


def _python(machine: Machine) -> Iterator[Finding]:
    numbers = tuple(int(number) for number in machine.python.split(".")[:2])
    if numbers == UNTRIED:
        yield Finding(
            "python",
            f"is {machine.python}, with which no test has run: commands, recorder, executor and a "
            "remote policy need nothing newer, the simulated arm needs 3.11",
            is_doubt=True,
        )
    elif numbers not in TRIED:
        yield Finding(
            "python",
            f"is {machine.python}, and 3.11 and 3.12 are what groot_ros runs on: make its "
            "environment with one of them",
            command="make clean; rm -rf .venv; make setup PYTHON=/usr/bin/python3.12",
        )


def _packages(packages: tuple[Installed, ...]) -> Iterator[Finding]:
    if not packages:
        yield Finding(
            "groot_ros",
            "is not installed in this Python, whose packages cannot be compared with what it "
            "needs: enter its environment",
            command="source env.sh",
        )
    for extra in sorted({package.extra for package in packages} - UNASKED):
        wrong = [p for p in packages if p.extra == extra and not p.fits]
        if not wrong:
            continue
        said = ", ".join(f"{p.name}{p.specifier} ({p.version or 'missing'})" for p in wrong)
        words = " ".join(quoted(f"{p.name}{p.specifier}") for p in wrong)
        needed = f"needed for the extra [{extra}]" if extra else "needed by all"
        yield Finding(
            "packages",
            f"{said}: {needed}",
            is_doubt=bool(extra),
            command=f"python -m pip install {words}",
        )


def _gpu(gpu: Gpu) -> Iterator[Finding]:
    if gpu.devices or not gpu.torch:
        return
    if not gpu.driver:
        yield Finding(
            "gpu",
            "no NVIDIA driver answers here: tiny networks run on the processor, GR00T itself is "
            "too slow there; serve the checkpoint where there is a GPU, with policy:=remote here",
            is_doubt=True,
            command="nvidia-smi",
        )
    elif gpu.cuda is None:
        yield Finding(
            "gpu",
            f"the driver {gpu.driver} is there, but PyTorch {gpu.torch} was built without CUDA: "
            "install one that was built with it",
            command="make setup TORCH_INDEX=https://download.pytorch.org/whl/cu130",
        )
    else:
        yield Finding(
            "gpu",
            f"PyTorch {gpu.torch} for CUDA {gpu.cuda} finds no GPU with the driver "
            f"{gpu.driver}: a driver may be too old for it, or a container be without --gpus all",
            command="nvidia-smi",
        )


def _ros(ros: Ros) -> Iterator[Finding]:
    if ros.problem:
        yield Finding(
            "ros",
            f"rclpy cannot be imported ({ros.problem}): enter the environment, or source ROS 2 "
            "before it",
            command="source env.sh",
        )
        return
    if ros.messages_problem:
        yield Finding(
            "groot_ros_msgs",
            f"cannot be imported ({ros.messages_problem}): build the messages and source them",
            command="colcon build --symlink-install && source install/setup.bash",
        )
    if ros.profile and not Path(ros.profile).is_file():
        yield Finding(
            "FASTRTPS_DEFAULT_PROFILES_FILE",
            f"names {ros.profile}, which is not there: Fast DDS runs with its defaults, which "
            "drop pictures of 640x480",
            command="unset FASTRTPS_DEFAULT_PROFILES_FILE",
        )


def _resources(machine: Machine) -> Iterator[Finding]:
    if machine.shared_memory < LEAST_SHARED_MEMORY:
        yield Finding(
            "/dev/shm",
            f"has {machine.shared_memory / 1e6:.0f} MB, too little for pictures between "
            "processes: of a container it is set where it is started, with --shm-size 1g",
            command="sudo mount -o remount,size=1G /dev/shm",
        )
    if machine.free_disk < LEAST_DISK:
        yield Finding(
            "disk",
            f"{machine.free_disk / GB:.1f} GB are free in {machine.folder}, little for bags of "
            "raw cameras and checkpoints of GR00T: record and train on another disk",
            is_doubt=True,
            command=f"df -h {quoted(machine.folder)}",
        )
    if not machine.has_real_time:
        line = "@users - rtprio 50\\n@users - nice -10\\n"
        yield Finding(
            "rtprio",
            "no thread may be scheduled in real time here: commands come less evenly on a busy "
            "machine; allow it and log in again",
            is_doubt=True,
            command=f"printf '{line}' | sudo tee {LIMITS}",
        )
