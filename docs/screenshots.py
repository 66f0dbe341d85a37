"""Takes the pictures of data.md in headless Chromium: `docs/screenshots.py DATASET RUN`.

Chromium, its driver and selenium are needed. DATASET is what `groot-ros convert` made, RUN what
`groot-ros evaluate --films all` did; shown are the first episode and the first trial.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import cv2
from selenium.webdriver.support.ui import WebDriverWait

from groot_ros.benchmarks.browser import chromium, served

IMAGES = Path(__file__).parent / "images"
SIZE = (1280, 900)
FRAME = 40
STILL = "[...document.querySelectorAll('video')].every(v => !v.seeking && v.readyState > 1)"
FORWARD = f"document.querySelector('#seek').value = {FRAME}; document.querySelector('#seek')"


def main(dataset: Path, run: Path) -> None:
    with chromium(*SIZE) as driver:
        take(driver, dataset, "light", IMAGES / "view.png")
        take(driver, run, "dark", IMAGES / "view_run.png")


def take(driver: Any, subject: Path, scheme: str, path: Path) -> None:
    """Write a picture of a page, light or dark, once its films stand still where they should."""
    with served(subject) as url:
        # A window has a frame, the picture has none.
        size = {"width": SIZE[0], "height": SIZE[1], "deviceScaleFactor": 1, "mobile": False}
        driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
        driver.execute_cdp_cmd("Emulation.setScrollbarsHidden", {"hidden": True})
        driver.get(url)
        wait = WebDriverWait(driver, 60)
        wait.until(lambda d: d.execute_script("return document.body.dataset.ready") == "all")
        driver.execute_script(f"{FORWARD}.dispatchEvent(new Event('input'))")
        wait.until(lambda d: d.execute_script(f"return {STILL}"))
        driver.save_screenshot(str(path))
    picture = cv2.imread(str(path))
    cv2.imwrite(str(path), picture, [cv2.IMWRITE_PNG_COMPRESSION, 9])


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
