from setuptools import setup

setup(
    name="groot-ros2cli",
    version="0.1.0",
    description="ros2 launch and ros2 lifecycle for ROS 2 from wheels, which lack them.",
    maintainer="groot_ros maintainers",
    maintainer_email="maintainers@example.com",
    license="Apache-2.0",
    packages=["groot_ros2cli"],
    python_requires=">=3.11",
    entry_points={
        "ros2cli.command": [
            "launch = groot_ros2cli.launch:LaunchCommand",
            "lifecycle = groot_ros2cli.lifecycle:LifecycleCommand",
        ],
        "ros2cli.extension_point": [
            "ros2lifecycle.verb = ros2cli.verb:VerbExtension",
        ],
        "ros2lifecycle.verb": [
            "get = groot_ros2cli.lifecycle:GetVerb",
            "list = groot_ros2cli.lifecycle:ListVerb",
            "nodes = groot_ros2cli.lifecycle:NodesVerb",
            "set = groot_ros2cli.lifecycle:SetVerb",
        ],
    },
)
