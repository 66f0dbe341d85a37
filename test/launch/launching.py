"""What the launch tests share."""

from __future__ import annotations

import contextlib
import os
import random
from functools import partial

from domain_coordinator import domain_id
from launch import LaunchDescription
from launch.actions import IncludeLaunchDescription
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch_testing.actions import ReadyToTest

from groot_ros.share import share_file


def enter_domain(resources: contextlib.ExitStack) -> None:
    """A ROS domain of one's own, kept until `resources` are closed."""
    domain = resources.enter_context(domain_id(partial(random.randint, 1, 100)))
    os.environ["ROS_DOMAIN_ID"] = str(domain)


def policy_launch(**arguments: str) -> LaunchDescription:
    """policy.launch.py with arguments, ready to be tested at once."""
    source = PythonLaunchDescriptionSource(str(share_file("launch/policy.launch.py")))
    launched = IncludeLaunchDescription(source, launch_arguments=arguments.items())
    return LaunchDescription([launched, ReadyToTest()])
