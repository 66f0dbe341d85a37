"""Make the ROS 2 wheels fit for building interface packages.

Their CMake files name the include folders of the machine that built the wheels; these become the
ones of this interpreter. Running it again changes nothing.
"""

from __future__ import annotations

import re
import sys
import sysconfig
from pathlib import Path

import numpy

NUMPY_INCLUDE = re.compile(r"/opt/python/[\w./-]+/site-packages/numpy/(?:_core|core)/include")
PYTHON_INCLUDE = re.compile(r"/opt/python/[\w-]+/include/python3\.\d+")


def patch_file(path: Path, python_include: str, numpy_include: str) -> bool:
    """Replace the build machine's include folders by ours; True when the file changed."""
    text = path.read_text(errors="surrogateescape")
    patched = NUMPY_INCLUDE.sub(lambda _: numpy_include, text)
    patched = PYTHON_INCLUDE.sub(lambda _: python_include, patched)
    if "/opt/python/" in patched:
        sys.exit(
            f"{path} still names /opt/python after the patch: "
            "the wheels are not those that requirements/ros.txt pins"
        )
    if patched == text:
        return False
    path.write_text(patched, errors="surrogateescape")
    return True


def main() -> None:
    python_include = sysconfig.get_path("include")
    files = sorted(Path(sys.prefix).glob("share/*/cmake/*.cmake"))
    changed = [patch_file(path, python_include, numpy.get_include()) for path in files]
    print(f"{sum(changed)} of {len(files)} CMake files patched")


if __name__ == "__main__":
    main()
