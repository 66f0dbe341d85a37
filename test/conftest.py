"""What keeps tests that talk over ROS apart from each other and on this machine."""

from __future__ import annotations

import gc
import os
import random
import signal
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from marks import mark_of

import groot_ros.sim  # noqa: F401  chooses MuJoCo's OpenGL, before a test imports MuJoCo itself
from groot_ros.share import share_file

os.environ["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "LOCALHOST"
os.environ["FASTRTPS_DEFAULT_PROFILES_FILE"] = str(share_file("config/fastdds.xml"))
# Tests run beside each other: torch's second thread waits for its turn while the first one spins.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# Logs and incidents of the nodes are not the user's.
HOME = tempfile.TemporaryDirectory(prefix="groot_ros_test_", ignore_cleanup_errors=True)
os.environ["ROS_HOME"] = HOME.name
# A background job of a shell ignores SIGINT, and so would the nodes that the tests interrupt.
signal.signal(signal.SIGINT, signal.default_int_handler)

# How long cases take to make and to try says something about the machine alone.
# Every run draws others, and most tests make arrays of a case.
settings.register_profile(
    "patient", deadline=None, suppress_health_check=[HealthCheck.too_slow], max_examples=50
)
settings.load_profile("patient")

# Other people's software in environments of its own: `make test-interop`.
collect_ignore = [] if os.environ.get("GROOT_ROS_INTEROP") else ["interop"]

OVER_ROS = {"launch", "nodes"}
ROS_GROUPS = 2
AHEAD = -5


def pytest_configure(config: pytest.Config) -> None:
    """What failed before it passed is told at the end. Half a million things come with the imports
    of all tests, and none of them goes: nobody looks for garbage meanwhile."""
    gc.disable()
    if config.pluginmanager.hasplugin("rerunfailures"):
        config.option.reportchars += "R"
        config.option.rerun_show_tracebacks = True


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """For `-m fast` other files are not even imported."""
    is_other = collection_path.suffix == ".py" and mark_of(collection_path) != "fast"
    return True if is_other and config.option.markexpr == "fast" else None


@pytest.hookimpl(tryfirst=True)
def pytest_pycollect_makemodule(
    module_path: Path, parent: pytest.Collector
) -> pytest.Module | None:
    """A file beside the ones that are asked for is not imported, which launch_testing does to see
    whether it describes a launch."""
    if "generate_test_description" in module_path.read_text():
        return None
    return pytest.Module.from_parent(parent, path=module_path)


def pytest_collection_finish() -> None:
    """What tests leave is collected again."""
    gc.enable()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Marks; pytest-xdist runs the tests of a file in one process, which makes what they share,
    and those over ROS, which also wait, in two. What takes longest begins first."""
    for item in items:
        item.add_marker(mark_of(item.path))
    if not config.pluginmanager.hasplugin("xdist"):
        return
    order = ["ros", "slow"]
    items.sort(key=lambda item: order.index(m) if (m := mark_of(item.path)) in order else 2)
    over_ros = sorted({item.path for item in items if item.path.parent.name in OVER_ROS})
    groups = {path: f"ros {number % ROS_GROUPS}" for number, path in enumerate(over_ros)}
    for item in items:
        item.add_marker(pytest.mark.xdist_group(groups.get(item.path, item.path.stem)))
        if item.path in groups and config.pluginmanager.hasplugin("rerunfailures"):
            # Other tests run beside them: a test's own process may be too late to see what
            # lasts half a second. What is broken fails twice.
            item.add_marker(pytest.mark.flaky(reruns=1))


@pytest.fixture(scope="module", autouse=True)
def own_computer(request: pytest.FixtureRequest) -> Iterator[None]:
    """The robot of a test over ROS lives in the test's own process, and others have their own
    computer: it goes before the tests beside it where the system allows it, and no collection of
    what tests before have left stops it for a second."""
    if Path(request.path).parent.name not in OVER_ROS:
        yield
        return
    gc.collect()
    gc.freeze()
    niceness = os.getpriority(os.PRIO_PROCESS, 0)
    with suppress(PermissionError):
        os.setpriority(os.PRIO_PROCESS, 0, niceness + AHEAD)
    yield
    os.setpriority(os.PRIO_PROCESS, 0, niceness)
    gc.unfreeze()


@pytest.fixture
def ros_domain(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """A ROS domain that no other test run on this machine uses, set for child processes too."""
    from domain_coordinator import domain_id

    with domain_id(partial(random.randint, 1, 100)) as domain:
        monkeypatch.setenv("ROS_DOMAIN_ID", str(domain))
        yield domain


@pytest.fixture(scope="module")
def module_domain() -> Iterator[int]:
    """The same for all tests of a module."""
    from domain_coordinator import domain_id

    with (
        domain_id(partial(random.randint, 1, 100)) as domain,
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setenv("ROS_DOMAIN_ID", str(domain))
        yield domain
