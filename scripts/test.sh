#!/usr/bin/env bash
# colcon test and its result. colcon calls a run in which no test ran a success; this does not.
# Where pytest-xdist is installed, tests over ROS run in two rows beside the other tests; as these
# leave a part of a core idle, there is one process more than there are cores.
set -uo pipefail

pytest_args=()
if python3 -c 'import xdist' 2>/dev/null; then
    # colcon takes an option of pytest for its own unless a space comes first.
    pytest_args=(--pytest-args " -n" $(($(nproc) + 1)) " --maxprocesses" 4
        " --dist" loadgroup " --no-loadscope-reorder")
fi
# Hundreds of processes import the package: each would compile it again.
unset PYTHONDONTWRITEBYTECODE
rm -f build/*/pytest.xml
colcon test "${pytest_args[@]}" || exit
result=$(colcon test-result --all --verbose)
status=$?
echo "$result"
if [[ $status -eq 0 && ! $result =~ Summary:\ [1-9] ]]; then
    echo "make test: no test ran" >&2
    status=1
fi
exit $status
