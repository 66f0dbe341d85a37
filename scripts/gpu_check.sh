#!/usr/bin/env bash
# Measure what this machine's GPU gives GR00T; the record goes to docs/measured/. Needs Python 3.11
# or 3.12, git's checkout and a package index, or an environment that has everything already.
#
#   scripts/gpu_check.sh [--minutes 8] [--only STEP ...] [--dry-run], --help for all options
#
# PYTHON=...       the Python to use
# TORCH=...        another torch than requirements/torch.txt names
# TORCH_INDEX=URL  where it comes from, such as https://download.pytorch.org/whl/cu126
set -euo pipefail

begun=$(date +%s)
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
venv=$root/.venv_gpu
torch=${TORCH:-$(grep '^torch' "$root/requirements/torch.txt")}
requirements=("$root"/requirements/{base,train,gpu_check}.txt)
# What PyPI's torch needs: CUDA 13.
least_driver=580
# torch with CUDA and all else.
needed_gb=14
export PYTHONUNBUFFERED=1
# Without this the ROS 2 wheels in an environment of `make setup` start every Python twice.
export _ROS_WHEELS_BOOTSTRAP_COMPLETE=1

dry_run=false
for argument in "$@"; do
    case $argument in
        --dry-run) dry_run=true ;;
        -h | --help) exec env PYTHONPATH="$root" "${PYTHON:-python3}" -m groot_ros.benchmarks.gpu.check "$@" ;;
    esac
done

fail() {
    echo "gpu_check.sh: $*" >&2
    exit 2
}

# Is $1 a Python for which the package is made?
suits() {
    "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 12))' 2>/dev/null
}

# Has the Python $1 a torch that is new enough and, unless dry, uses the GPU?
has_torch() {
    "$1" - "$dry_run" 2>/dev/null <<'PYTHON'
import sys
import torch
version = tuple(int(part) for part in torch.__version__.split(".")[:2])
sys.exit(version < (2, 7) or not (sys.argv[1] == "true" or torch.cuda.is_available()))
PYTHON
}

missing() {
    "$1" "$root/scripts/missing_requirements.py" "${requirements[@]}"
}

# The Pythons that may do, the one that surely should first.
candidates() {
    [ -z "${PYTHON:-}" ] || { echo "$PYTHON" && return; }
    [ -z "${VIRTUAL_ENV:-}" ] || echo "$VIRTUAL_ENV/bin/python"
    printf '%s\n' "$venv/bin/python" "$root/.venv/bin/python" python3 python3.12 python3.11
}

# Set `python` to one that has everything; else `base` to one to build on, if possible with torch.
look_for_python() {
    local candidate
    python='' base='' with_torch=''
    while read -r candidate; do
        command -v "$candidate" >/dev/null && suits "$candidate" || continue
        base=${base:-$candidate}
        [ -z "${TORCH:-}" ] && has_torch "$candidate" || continue
        with_torch=${with_torch:-$candidate}
        if [ -z "$(missing "$candidate")" ]; then
            python=$candidate
            return
        fi
    done < <(candidates)
    [ -n "$base" ] || fail "no Python 3.11 or 3.12 is here: name one with PYTHON=..."
}

check_driver() {
    local driver
    ! $dry_run || return 0
    command -v nvidia-smi >/dev/null ||
        fail "no NVIDIA driver is here (nvidia-smi is missing): --dry-run runs the steps on the CPU"
    driver=$(nvidia-smi --query-gpu=driver_version --format=csv,noheader 2>&1 | head -n 1) || true
    [[ $driver =~ ^[0-9]+ ]] || fail "nvidia-smi sees no GPU: $driver"
    if [ -z "${TORCH_INDEX:-}" ] && [ "${BASH_REMATCH[0]}" -lt "$least_driver" ]; then
        fail "NVIDIA's driver $driver is older than $least_driver, which $torch from PyPI needs:" \
            "TORCH_INDEX=https://download.pytorch.org/whl/cu126 takes one for older drivers"
    fi
}

check_disk() {
    local free
    free=$(df -Pk "$root" | awk 'NR == 2 {print int($4 / 1000000)}')
    [ "$free" -ge "$needed_gb" ] ||
        fail "$root has $free GB free and the environment takes up to $needed_gb GB: free some," \
            "or name a Python that has everything with PYTHON=..."
}

# uv is several times as fast; pip does where there is none, or where only pip knows the index.
install() {
    local uv=$venv/bin/uv
    ! command -v uv >/dev/null || uv=$(command -v uv)
    [ -x "$uv" ] || "$venv/bin/python" -m pip install --quiet uv 2>/dev/null || true
    if [ -x "$uv" ] && "$uv" pip install --quiet --python "$venv/bin/python" "$@"; then
        return
    fi
    "$venv/bin/python" -m pip install --quiet "$@"
}

# An environment of its own; one with a torch that works is built upon, which saves gigabytes.
make_environment() {
    local packages site
    if [ -z "$with_torch" ]; then
        check_driver
        check_disk
    fi
    if [ ! -x "$venv/bin/python" ] || ! suits "$venv/bin/python"; then
        "${with_torch:-$base}" -m venv --clear "$venv" || fail "${with_torch:-$base} cannot make an" \
            "environment: on Debian and Ubuntu, apt-get install python3-venv"
    fi
    if [ -n "$with_torch" ] && ! has_torch "$venv/bin/python"; then
        site=$("$with_torch" -c 'import os, torch; print(os.path.dirname(torch.__path__[0]))')
        echo "$site" >"$("$venv/bin/python" -c 'import sysconfig
print(sysconfig.get_path("purelib"))')/torch_of_this_machine.pth"
    elif [ -z "$with_torch" ]; then
        install ${TORCH_INDEX:+--index-url "$TORCH_INDEX"} "$torch" ||
            fail "$torch could not be installed: see above, or name another with TORCH=..."
    fi
    mapfile -t packages < <(missing "$venv/bin/python")
    if [ ${#packages[@]} -gt 0 ] && [ -n "$with_torch" ]; then
        # uv does not see what lies outside of the environment, and would fetch torch again.
        "$venv/bin/python" -m pip install --quiet "${packages[@]}" || fail "see what pip says above"
    elif [ ${#packages[@]} -gt 0 ]; then
        install "${packages[@]}" || fail "see what pip says above"
    fi
    python=$venv/bin/python
}

look_for_python
if [ -z "$python" ]; then
    echo "==> environment in $venv"
    make_environment
    echo "    ready after $(($(date +%s) - begun)) s"
fi
cd "$root"
exec "$python" -m groot_ros.benchmarks.gpu.check --since "$begun" "$@"
