#!/usr/bin/env bash
# Run a command in the environment of groot_ros, with the ROS 2 of the image first where it has one.
set -e
if [ -n "${ROS_DISTRO:-}" ] && [ -e "/opt/ros/$ROS_DISTRO/setup.bash" ]; then
    source "/opt/ros/$ROS_DISTRO/setup.bash"
fi
source "$(dirname "${BASH_SOURCE[0]}")/../env.sh"
exec "$@"
