from setuptools import setup

setup(
    name="groot-ros2cli",
    version="0.1.0",
    description="ros2 bag, launch and lifecycle for ROS 2 from wheels, which lack them.",
    maintainer="groot_ros maintainers",
    maintainer_email="maintainers@example.com",
    license="Apache-2.0",
    packages=["groot_ros2cli"],
    python_requires=">=3.11",
    entry_points={
        "ros2cli.command": [
            "bag = groot_ros2cli.bag:BagCommand",
            "launch = groot_ros2cli.launch:LaunchCommand",
            "lifecycle = groot_ros2cli.lifecycle:LifecycleCommand",
        ],
        "ros2cli.extension_point": [
            "ros2bag.verb = ros2cli.verb:VerbExtension",
            "ros2lifecycle.verb = ros2cli.verb:VerbExtension",
        ],
        "ros2bag.verb": [
            "info = groot_ros2cli.bag:InfoVerb",
            "play = groot_ros2cli.bag:PlayVerb",
            "record = groot_ros2cli.bag:RecordVerb",
        ],
        "ros2lifecycle.verb": [
            "get = groot_ros2cli.lifecycle:GetVerb",
            "list = groot_ros2cli.lifecycle:ListVerb",
            "nodes = groot_ros2cli.lifecycle:NodesVerb",
            "set = groot_ros2cli.lifecycle:SetVerb",
        ],
    },
)
