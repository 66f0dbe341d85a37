"""A server in a process of its own, and a browser that looks at it."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from typing import Any

import pytest

from groot_ros.benchmarks import browser
from groot_ros.errors import UserError

PATIENCE_S = 60.0


class Server:
    """`groot-ros view` of something, at a free port of this machine."""

    def __init__(self, path: Path, *options: str) -> None:
        command = [sys.executable, "-m", "groot_ros.cli.main", "view", str(path), "--port", "0"]
        self.process = subprocess.Popen(
            [*command, "--no-browser", *options], stdout=subprocess.PIPE, text=True
        )
        assert self.process.stdout
        # Bags are read before the line comes.
        for line in self.process.stdout:
            if found := re.search(r"http://(\S+):(\d+)/\S*", line):
                break
        else:
            raise AssertionError(f"ended with {self.process.wait()}")
        self.url, self.port = found.group(), int(found.group(2))

    def ask(
        self,
        path: str,
        headers: dict[str, str] | None = None,
        method: str = "GET",
        body: str | None = None,
    ) -> tuple[HTTPResponse, bytes]:
        """The answer to a request that goes out as it is written here."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_S)
        connection.putrequest(method, path, skip_host=bool(headers and "Host" in headers))
        for name, value in (headers or {}).items():
            connection.putheader(name, value)
        if body is not None:
            connection.putheader("Content-Length", str(len(body.encode())))
        connection.endheaders(body.encode() if body is not None else None)
        response = connection.getresponse()
        return response, response.read()

    def end(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(PATIENCE_S)


@contextmanager
def served(path: Path, *options: str) -> Iterator[Server]:
    server = Server(path, *options)
    try:
        yield server
    finally:
        if server.process.poll() is None:
            server.end()


@contextmanager
def chromium() -> Iterator[Any]:
    """Headless Chromium; the test is skipped where there is none."""
    with ExitStack() as stack:
        try:
            driver = stack.enter_context(browser.chromium(1280, 1000))
        except UserError as error:
            pytest.skip(str(error))
        yield driver


class Page:
    """A tab with the page of a server."""

    def __init__(self, driver: Any, url: str) -> None:
        self.driver = driver
        driver.get(url)
        self.handle = driver.current_window_handle
        self.wait(lambda: self.run("return document.body.dataset.ready") == "all")

    def wait(self, is_so: Callable[[], Any]) -> Any:
        from selenium.webdriver.support.ui import WebDriverWait

        return WebDriverWait(self.driver, PATIENCE_S).until(lambda _: is_so())

    def run(self, script: str) -> Any:
        self.driver.switch_to.window(self.handle)
        return self.driver.execute_script(script)

    def find(self, selector: str) -> Any:
        from selenium.webdriver.common.by import By

        self.driver.switch_to.window(self.handle)
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def texts(self, selector: str) -> list[str]:
        script = f"return [...document.querySelectorAll({selector!r})].map(e => e.textContent)"
        found: list[str] = self.run(script)
        return found

    def press(self, *keys: str) -> None:
        self.find("body").send_keys(*keys)

    def click(self, selector: str) -> None:
        self.find(selector).click()

    def frame(self) -> int:
        found = re.search(r"frame (\d+)", self.find("#clock").text)
        assert found
        return int(found.group(1))

    def wait_for_episode(self, index: int) -> None:
        self.wait(
            lambda: (
                self.run("return document.querySelector('#episode').dataset.index") == str(index)
            )
        )

    def wait_until_saved(self) -> None:
        self.wait(lambda: self.find("#saved").text == "saved")

    def ignore_others(self) -> None:
        """The page does not ask for other pages' edits any more."""
        self.run("Object.defineProperty(document, 'hidden', {value: true, configurable: true})")

    def complaints(self) -> list[Any]:
        return [entry for entry in self.driver.get_log("browser") if entry["level"] != "DEBUG"]
