"""The one loaded checkpoint of a server, and the sessions that use it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from groot_ros.errors import UserError
from groot_ros.serving.served import Checkpoints, ModelThread, ServedModel

# A client that waits hears something this often; Positronic's gives up after 30 s of silence.
STATUS_PERIOD_S = 5.0

Tell = Callable[[str, str], Awaitable[None]]


class ModelSlot:
    """Holds one model at a time: another one is loaded when nobody uses it any more."""

    def __init__(self, checkpoints: Checkpoints, thread: ModelThread) -> None:
        self._checkpoints = checkpoints
        self._thread = thread
        self._lock = asyncio.Lock()
        self._name = ""
        self._served: ServedModel | None = None
        self._users = 0
        self._unused = asyncio.Event()
        self._unused.set()
        self._loading: asyncio.Task[None] | None = None

    @asynccontextmanager
    async def use(self, name: str, tell: Tell) -> AsyncIterator[ServedModel]:
        """The model of a name as long as the context lasts; UserError when it cannot be loaded.

        `tell(status, message)` is called while that takes time. A name that is unknown leaves the
        loaded model where it is.
        """
        names = self._checkpoints.names
        if name not in names:
            raise UserError(f"there is no model {name!r:.100}, expected one of {', '.join(names)}")
        await self._acquire(lambda: tell("waiting", "another client is connecting"))
        try:
            served = await self._obtain(name, tell)
            self._users += 1
            self._unused.clear()
        finally:
            self._lock.release()
        try:
            yield served
        finally:
            self._users -= 1
            if not self._users:
                self._unused.set()

    async def _acquire(self, tell: Callable[[], Awaitable[None]]) -> None:
        acquiring = asyncio.create_task(self._lock.acquire())
        try:
            await _patiently(acquiring, tell)
        except BaseException:
            # The client has gone, perhaps in the moment in which it had the lock.
            if not acquiring.cancel():
                self._lock.release()
            raise

    async def _obtain(self, name: str, tell: Tell) -> ServedModel:
        if loading := self._loading:
            # Its client has gone; the model may be the wanted one all the same.
            await _patiently(loading, lambda: tell("loading", "a model"))
        if self._served is None or self._name != name:
            if self._users:
                await tell("waiting", f"{self._users} sessions use another model")
            unused = asyncio.create_task(self._unused.wait())
            try:
                await _patiently(
                    unused, lambda: tell("waiting", f"{self._users} sessions use another")
                )
            finally:
                unused.cancel()
            await tell("loading", f"checkpoint {name}")
            task = self._loading = asyncio.create_task(self._load(name))
            await _patiently(task, lambda: tell("loading", f"checkpoint {name}"))
            task.result()
        assert self._served
        return self._served

    async def _load(self, name: str) -> None:
        try:
            # What was loaded before makes room first.
            self._served, self._name = None, ""
            self._served = (await self._thread.run(lambda: self._checkpoints.load(name))).value
            self._name = name
        finally:
            self._loading = None


async def _patiently(waited: asyncio.Future[Any], tell: Callable[[], Awaitable[None]]) -> None:
    """Wait until a task is done, its failure included, and call `tell` every `STATUS_PERIOD_S`."""
    while not (await asyncio.wait({waited}, timeout=STATUS_PERIOD_S))[0]:
        await tell()
