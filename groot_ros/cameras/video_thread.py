"""Live video: every packet goes through its decoder, however seldom a picture is wanted."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import Any

from groot_ros.cameras.video import VideoDecoder

# Two seconds at 30 Hz: who is further behind does not catch up by decoding faster.
PACKETS = 60
BEHIND = "its video waits for the next key frame, decoding has fallen behind"


class VideoThread:
    """Stores the messages of one camera in a thread of its own, which alone uses its decoder.

    `put` is for the thread that receives them and never waits for a picture.
    """

    def __init__(
        self,
        store: Callable[[Any, int], None],
        decoder: VideoDecoder,
        stored: Callable[[], None],
    ) -> None:
        """`store` takes message and arrival in ns, `stored` follows each of its calls."""
        self._store = store
        self._decoder = decoder
        self._stored = stored
        self._waiting: deque[tuple[Any, int]] = deque()
        self._is_behind = self._closing = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="video", daemon=True)
        self._thread.start()

    def put(self, message: Any, arrival_ns: int) -> None:
        """Take a message; what has waited for too long is thrown away up to a key frame."""
        with self._changed:
            if len(self._waiting) >= PACKETS:
                self._waiting.clear()
                self._is_behind = True
            self._waiting.append((message, arrival_ns))
            self._changed.notify()

    def close(self) -> None:
        """End the thread; what still waits is thrown away."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        self._thread.join()

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._closing)
                if self._closing:
                    return
                message, arrival_ns = self._waiting.popleft()
                is_behind, self._is_behind = self._is_behind, False
            if is_behind:
                self._decoder.interrupt(BEHIND)
            self._store(message, arrival_ns)
            self._stored()
