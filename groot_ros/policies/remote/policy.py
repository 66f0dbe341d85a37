"""GR00T elsewhere: the same policy to the node, with the model in a server."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

from groot_ros.chunks.chunk import Chunk, RoundTrip
from groot_ros.chunks.envelope import EnvelopeMonitor
from groot_ros.codecs.codec import Timing
from groot_ros.codecs.file import CodecFile
from groot_ros.errors import UserError
from groot_ros.observation.types import Observation, Prefix
from groot_ros.policies.remote.connection import Handshake, RemoteConfig, Unreachable
from groot_ros.policies.remote.handshake import check_remote_fit
from groot_ros.policy import Inputs, PolicyLost
from groot_ros.robot.config import RobotConfig

T = TypeVar("T")

LOWEST_RATE_HZ, HIGHEST_RATE_HZ = 0.1, 1000.0
FIRST_PAUSE_S = 0.25
LONGEST_PAUSE_S = 5.0
# How long the node waits for a server at configure; one that loads its model tells so meanwhile.
OPEN_TIMEOUT_S = 10.0


class RemotePolicy:
    """A server's model behind a variant's codec.

    When the server is lost, `predict` says so at once and tries again at the next call, after a
    pause that doubles from 0.25 s to 5 s.
    """

    def __init__(self, config: RemoteConfig, variant: CodecFile, robot: RobotConfig) -> None:
        self._config = config
        self._variant = variant
        self._robot = robot
        self._codec = variant.codec(robot)
        self._monitor = EnvelopeMonitor.of({}, self._codec)
        self._connection = config.scheme.client(config, lambda: self._codec)
        self._is_connected = False
        self._loss = ""
        self._pause_s = FIRST_PAUSE_S
        self._retry_s = 0.0

    @property
    def inputs(self) -> Inputs:
        return Inputs.of(self._codec)

    @property
    def no_continuation(self) -> str:
        return self._connection.no_continuation

    def open(self) -> None:
        """Connect and compare; UserError when there is no server or it does not fit."""
        try:
            self._connect(OPEN_TIMEOUT_S)
        except Unreachable as error:
            raise UserError(
                f"{error}: is it running, and policy_url right? One of this package is started "
                "with groot-ros serve"
            ) from None
        finally:
            if not self._is_connected:
                self._connection.close()

    def _connect(self, timeout_s: float) -> None:
        handshake = self._connection.open(timeout_s)
        check_remote_fit(
            self._config,
            handshake,
            variant=self._variant,
            codec=self._variant.codec(self._robot),
            robot=self._robot,
        )
        self._codec = self._variant.codec(self._robot, self._timing(handshake))
        self._monitor = self._monitor_of(handshake)
        self._is_connected = True

    def _monitor_of(self, handshake: Handshake) -> EnvelopeMonitor:
        try:
            return EnvelopeMonitor.of(handshake.description, self._codec)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise UserError(
                f"the server {self._config.url} sends an envelope that cannot be read: {error!r}"
            ) from None

    def _timing(self, handshake: Handshake) -> Timing:
        default = self._variant.timing
        rate_hz = self._config.action_rate_hz or handshake.action_rate_hz or default.action_rate_hz
        if not LOWEST_RATE_HZ <= rate_hz <= HIGHEST_RATE_HZ:
            raise UserError(
                f"the steps of the server {self._config.url} come at {rate_hz:g} Hz, expected "
                f"{LOWEST_RATE_HZ:g} to {HIGHEST_RATE_HZ:g}: set action_rate"
            )
        return Timing(handshake.horizon or default.horizon, round(1e9 / rate_hz))

    def reset(self, instruction: str) -> None:
        """Tell the server that an episode begins; PolicyLost as for `predict`."""
        self._monitor.reset()
        self._try(self._connection.reset)

    def predict(self, observation: Observation, prefix: Prefix[Chunk] | None = None) -> Chunk:
        """The server's chunk, graded by its checkpoint's envelope.

        PolicyLost when the server does not answer, UserError when it refuses.
        """

        def ask() -> Chunk:
            if prefix is not None and (obstacle := self.no_continuation):
                raise UserError(
                    f"{obstacle}: choose another strategy than rtc, or serve the model with "
                    "groot-ros serve --protocol gr00t"
                )
            started_s = time.monotonic()
            answer = self._connection.predict(observation, prefix)
            total_s = time.monotonic() - started_s
            server_s = min(answer.server_s or 0.0, total_s)
            return replace(answer.chunk, round_trip=RoundTrip(total_s - server_s, server_s))

        chunk = self._try(ask)
        return replace(chunk, verdict=self._monitor.check(observation, chunk))

    def _try(self, ask: Callable[[], T]) -> T:
        """What `ask` gets from the server, connected again if need be; PolicyLost if it cannot."""
        if not self._is_connected:
            self._reconnect()
        try:
            result = ask()
        except Unreachable as error:
            raise self._lost(str(error)) from None
        self._pause_s = FIRST_PAUSE_S
        return result

    def _reconnect(self) -> None:
        if time.monotonic() < self._retry_s:
            raise PolicyLost(self._loss)
        try:
            self._connect(self._config.timeout_s)
        # Another model behind the same address is a loss too: it may be replaced again.
        except UserError as error:
            raise self._lost(str(error)) from None

    def _lost(self, reason: str) -> PolicyLost:
        self._connection.close()
        self._is_connected = False
        self._loss = reason
        self._retry_s = time.monotonic() + self._pause_s
        self._pause_s = min(2 * self._pause_s, LONGEST_PAUSE_S)
        return PolicyLost(reason)

    def close(self) -> None:
        self._connection.close()
        self._is_connected = False
