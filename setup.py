from __future__ import annotations

from pathlib import Path

from setuptools import find_packages, setup

PACKAGE = "groot_ros"

# The network. An executor, a recorder and a policy whose model is in another box do without.
MODEL = ["safetensors>=0.5", "tokenizers>=0.22", "torch>=2.7", "transformers>=5.20,<6"]


def share_files(*folders: str) -> list[tuple[str, list[str]]]:
    """Every file below the folders, as data_files entries that keep their place below share."""
    entries: dict[str, list[str]] = {}
    for folder in folders:
        for path in sorted(Path(folder).rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                entries.setdefault(f"share/{PACKAGE}/{path.parent}", []).append(str(path))
    return sorted(entries.items())


setup(
    name=PACKAGE,
    version="0.1.0",
    description="GR00T policies for ROS 2 arms: record, convert, train, run in closed loop.",
    maintainer="groot_ros maintainers",
    maintainer_email="maintainers@example.com",
    license="Apache-2.0",
    packages=find_packages(include=[PACKAGE, f"{PACKAGE}.*"]),
    # The types, and the page of `groot-ros view`.
    package_data={PACKAGE: ["py.typed"], f"{PACKAGE}.viewer": ["static/*", "static/uplot/*"]},
    data_files=[
        ("share/ament_index/resource_index/packages", [f"resource/{PACKAGE}"]),
        (f"share/{PACKAGE}", ["package.xml"]),
        *share_files("config", "groot_ros_msgs/msg", "hook", "launch", "pretrained", "urdf"),
    ],
    python_requires=">=3.10,<3.13",
    # Tested versions are pinned in requirements/; numpy and OpenCV reach back to Ubuntu 24.04.
    install_requires=[
        "av>=14",
        "huggingface-hub>=1.5",
        "isal>=1.6",
        "lz4>=4.0",
        "matplotlib>=3.6",
        "mcap>=1.6",
        "msgpack>=1.0.3",
        "msgspec>=0.19",
        "numpy>=1.26",
        "opencv-python-headless>=4.6",
        "packaging>=24.0",
        "pillow>=10.2",
        "psutil>=5.9",
        "pyarrow>=18",
        "PyYAML>=6.0",
        "pyzmq>=24.0",
        "rich>=13.7",
        "rosbags>=0.10",
        "ruckig>=0.14",
        "scipy>=1.11",
        "websockets>=15",
        "zstandard>=0.22",
    ],
    extras_require={
        # Tested with 2.60.0; all machines of a cluster need the same release.
        "ray": ["ray>=2.40,<3"],
        "serve": MODEL,
        "sim": ["daqp>=0.7", "mink>=1.0", "mujoco>=4.0"],
        "train": [*MODEL, "accelerate>=1.1", "peft>=0.17", "tensorboard>=2.16"],
        "test": [
            "hypothesis>=6.98",
            "pytest>=8,<9",
            "pytest-rerunfailures>=14",
            "pytest-xdist>=3.5",
            "selenium>=4.20",
        ],
        "view": ["starlette>=0.46", "uvicorn>=0.34"],
    },
    entry_points={
        "console_scripts": [
            "groot-ros = groot_ros.cli.main:main",
            "executor_node = groot_ros.nodes.executor.executor_node:main",
            "fake_node = groot_ros.nodes.sim.fake_node:main",
            "policy_node = groot_ros.nodes.policy.policy_node:main",
            "policy_server = groot_ros.cli.main:policy_server",
            "recorder_node = groot_ros.nodes.recorder.recorder_node:main",
            "sim_node = groot_ros.nodes.sim.sim_node:main",
        ],
    },
    zip_safe=False,
)
