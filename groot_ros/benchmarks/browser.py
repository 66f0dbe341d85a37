"""Headless Chromium and a page of `groot-ros view` for it, to measure, test and show that page."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from groot_ros.errors import UserError

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
MISSING = (
    "the page is looked at in Chromium: apt-get install chromium chromium-driver, pip install "
    "selenium"
)


@contextmanager
def chromium(width: int, height: int) -> Iterator[Any]:
    """selenium's driver of a window, which keeps what pages say on their console.

    UserError where the browser, its driver or selenium is not installed.
    """
    program = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    # Without it, selenium would look for one in the net.
    driver = shutil.which("chromedriver")
    if program is None or driver is None:
        raise UserError(MISSING)
    try:
        from selenium import webdriver
    except ModuleNotFoundError:
        raise UserError(MISSING) from None
    options = webdriver.ChromeOptions()
    options.binary_location = program
    arguments = ["--headless=new", "--disable-gpu", "--disable-dev-shm-usage"]
    if os.geteuid() == 0:
        arguments.append("--no-sandbox")
    for argument in [*arguments, f"--window-size={width},{height}"]:
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    with webdriver.Chrome(options=options, service=webdriver.ChromeService(driver)) as found:
        yield found


@contextmanager
def served(path: Path, *options: str) -> Iterator[str]:
    """The address of what `groot-ros view PATH` with options serves in a process of its own."""
    command = [sys.executable, "-m", "groot_ros.cli.main", "view", str(path), "--port", "0"]
    command += ["--no-browser", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout
        try:
            # Bags are read before the line comes.
            lines = (re.search(r"http://\S+", line) for line in server.stdout)
            found = next((match for match in lines if match), None)
            if found is None:
                raise UserError("groot-ros view did not begin, see above")
            yield found.group()
        finally:
            server.terminate()
