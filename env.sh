# Enter the environment of groot_ros, from any folder: `source env.sh` in bash or zsh.
# With ROS 2 sourced this adds the Python environment that `make setup` made; without, it enters
# ROS 2 from wheels, which lives in that Python environment.

# Why the environment of the checkout $1 cannot be entered from this shell; nothing if it can.
_groot_ros_obstacle() {
    local installation
    installation=$(groot_ros_installation "$1")
    if [ ! -e "$1/.venv/bin/activate" ]; then
        echo "there is no environment in $1/.venv yet: run 'make setup' in $1"
    elif grep -q 'include-system-site-packages = true' "$1/.venv/pyvenv.cfg"; then
        [ -n "$installation" ] || echo "$1/.venv was made for an installed ROS 2 and none is" \
            "sourced in this shell: source it first, such as /opt/ros/jazzy/setup.bash"
    elif [ -n "$installation" ]; then
        echo "$1/.venv holds ROS 2 from wheels and $installation is sourced in this shell, which" \
            "must not be mixed: open a shell without it, or delete $1/.venv and run 'make setup'"
    fi
}

# Put $2 first in the colon-separated variable named $1, unless it is in it.
_groot_ros_prepend() {
    local old
    eval "old=\${$1:-}"
    case ":$old:" in
        *":$2:"*) ;;
        *) export "$1=$2${old:+:$old}" ;;
    esac
}

# What the setup file of an installed ROS 2 does, for the wheels in the environment $1.
_groot_ros_enter_wheels() {
    local folder
    _groot_ros_prepend LD_LIBRARY_PATH "$1/lib"
    for folder in "$1"/lib/python3*/site-packages/ros_*.libs; do
        _groot_ros_prepend LD_LIBRARY_PATH "$folder"
    done
    _groot_ros_prepend AMENT_PREFIX_PATH "$1"
    _groot_ros_prepend CMAKE_PREFIX_PATH "$1"
    export ROS_DISTRO=jazzy ROS_VERSION=2 ROS_PYTHON_VERSION=3
    export ROS_AUTOMATIC_DISCOVERY_RANGE="${ROS_AUTOMATIC_DISCOVERY_RANGE:-LOCALHOST}"
    # Without this the wheels start every Python twice, to set LD_LIBRARY_PATH themselves.
    export _ROS_WHEELS_BOOTSTRAP_COMPLETE=1
}

_groot_ros_leave() {
    unset -f groot_ros_installation _groot_ros_obstacle _groot_ros_prepend
    unset -f _groot_ros_enter_wheels _groot_ros_leave
    unset _groot_ros_root _groot_ros_shell _groot_ros_message
}

if [ -n "${ZSH_VERSION:-}" ]; then
    _groot_ros_shell=zsh
    eval '_groot_ros_root=${(%):-%x}'
else
    _groot_ros_shell=bash
    _groot_ros_root=${BASH_SOURCE[0]}
fi
_groot_ros_root=$(cd "$(dirname "$_groot_ros_root")" && pwd -P)
. "$_groot_ros_root/scripts/ros_installation.sh"
_groot_ros_message=$(_groot_ros_obstacle "$_groot_ros_root")
if [ -n "$_groot_ros_message" ]; then
    echo "groot_ros: $_groot_ros_message" >&2
    _groot_ros_leave
    return 1
fi

. "$_groot_ros_root/.venv/bin/activate"
if ! grep -q 'include-system-site-packages = true' "$VIRTUAL_ENV/pyvenv.cfg"; then
    _groot_ros_enter_wheels "$VIRTUAL_ENV"
fi
if [ -e "$_groot_ros_root/install/local_setup.$_groot_ros_shell" ]; then
    . "$_groot_ros_root/install/local_setup.$_groot_ros_shell"
fi
_groot_ros_leave
