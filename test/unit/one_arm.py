"""The shipped codecs that the simulated arm has the signals of."""

from __future__ import annotations

from groot_ros.codecs.catalog import shipped_codecs

ONE_ARM = [
    file.name for file in shipped_codecs() if not any("/" in part.signal for part in file.state)
]
