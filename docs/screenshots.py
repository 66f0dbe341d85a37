"""Takes the picture of data.md in headless Chromium: `python docs/screenshots.py DATASET`.

Chromium, its driver and selenium are needed; the picture is of the dataset's first episode.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import cv2
from selenium import webdriver
from selenium.webdriver.support.ui import WebDriverWait

IMAGES = Path(__file__).parent / "images"
SIZE = (1280, 900)
STILL = "[...document.querySelectorAll('video')].every(v => !v.seeking && v.readyState > 1)"
FORWARD = "document.querySelector('#seek').value = 40; document.querySelector('#seek')"


def main(dataset: str) -> None:
    command = [sys.executable, "-m", "groot_ros.cli.main", "view", dataset, "--port", "0"]
    with subprocess.Popen([*command, "--no-browser"], stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout
        found = re.search(r"http://\S+", server.stdout.readline())
        assert found
        try:
            take(found.group(), IMAGES / "view.png")
        finally:
            server.terminate()


def take(url: str, path: Path) -> None:
    """Write a picture of a page once its films stand still where they should."""
    options = webdriver.ChromeOptions()
    for argument in ("--headless=new", "--no-sandbox", "--hide-scrollbars"):
        options.add_argument(argument)
    options.binary_location = shutil.which("chromium") or ""
    # Without it, selenium would look for one in the net.
    service = webdriver.ChromeService(shutil.which("chromedriver"))
    with webdriver.Chrome(options=options, service=service) as driver:
        # A window has a frame, the picture has none.
        size = {"width": SIZE[0], "height": SIZE[1], "deviceScaleFactor": 1, "mobile": False}
        driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        driver.get(url)
        wait = WebDriverWait(driver, 60)
        wait.until(lambda d: d.execute_script("return document.body.dataset.ready") == "all")
        driver.execute_script(f"{FORWARD}.dispatchEvent(new Event('input'))")
        wait.until(lambda d: d.execute_script(f"return {STILL}"))
        driver.save_screenshot(str(path))
    picture = cv2.imread(str(path))
    cv2.imwrite(str(path), picture, [cv2.IMWRITE_PNG_COMPRESSION, 9])


if __name__ == "__main__":
    main(sys.argv[1])
