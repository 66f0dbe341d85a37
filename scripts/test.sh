#!/usr/bin/env bash
# colcon test and its result. colcon calls a run in which no test ran a success; this does not.
set -uo pipefail

rm -f build/*/pytest.xml
colcon test || exit
result=$(colcon test-result --all --verbose)
status=$?
echo "$result"
if [[ $status -eq 0 && ! $result =~ Summary:\ [1-9] ]]; then
    echo "make test: no test ran" >&2
    status=1
fi
exit $status
