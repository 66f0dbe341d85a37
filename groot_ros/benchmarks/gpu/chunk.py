"""From arriving messages to chunks with the code that the policy node runs, without ROS."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np

from groot_ros.benchmarks.gpu.files import VARIANT
from groot_ros.benchmarks.gpu.memory_use import forget_peak, peaks
from groot_ros.benchmarks.gpu.record import Result, spread
from groot_ros.benchmarks.gpu.steps import Setting
from groot_ros.benchmarks.moving_arm import PICTURE_SIZE, ROBOT
from groot_ros.cameras.image import IMAGE
from groot_ros.chunks.progress import Progress
from groot_ros.codecs.catalog import find_codec
from groot_ros.model.inference.device import find_device, find_dtype
from groot_ros.observation.buffer import Ages, ObservationBuffer
from groot_ros.observation.fields import NS
from groot_ros.observation.routes import Route, routes
from groot_ros.observation.signal_messages import JOINT_STATE
from groot_ros.observation.types import Observation
from groot_ros.policies.checkpoint.config import LocalPolicyConfig
from groot_ros.policies.checkpoint.local import LocalPolicy
from groot_ros.policies.inference import InferenceLoop
from groot_ros.policies.inference_types import Inference, LoopSettings, Void
from groot_ros.robot.config import RobotConfig, load_robot

STATE_HZ, CAMERA_HZ = 100, 30
CHUNKS, WARM_UPS = 100, 5
WAIT_S = 30.0
STRATEGIES = ("plain", "rtc")


def loop(setting: Setting, version: str) -> Iterator[Result]:
    """Ages and times of chunks while two cameras send 30 pictures a second each.

    With `plain` chunks and with those that continue the running one (`rtc`).
    """
    robot, device = load_robot(ROBOT), find_device(setting.device)
    config = LocalPolicyConfig(
        checkpoints_dir=str(setting.checkpoint(version)),
        device=setting.device,
        compile=setting.mode("default"),
    )
    dtype = str(find_dtype(config.dtype, device)).removeprefix("torch.")
    forget_peak(device)
    started_s = time.perf_counter()
    policy = LocalPolicy(config, find_codec(VARIANT), robot)
    policy.open()
    opened = {"loaded and warm": (round(time.perf_counter() - started_s, 2), "s")}
    for strategy in STRATEGIES:
        found = _measure(policy, robot, strategy == "rtc", setting.repeats(CHUNKS))
        case = {"model": version, "chunks": strategy, "dtype": dtype, "compile": config.compile}
        yield Result(case=case, values={**found, **opened, **peaks(device)})
    policy.close()


def _measure(
    policy: LocalPolicy, robot: RobotConfig, continues: bool, count: int
) -> dict[str, tuple[float, str]]:
    found = Bench(policy, robot, continues).run(WARM_UPS + count)[WARM_UPS:]
    times_s = {
        "observation age": [made.age_s for made in found],
        "queue": [made.inference.queue_s for made in found],
        "decode": [made.inference.decode_s for made in found],
        "model": [made.inference.model_s for made in found],
    }
    values: dict[str, tuple[float, str]] = {}
    for name, times in times_s.items():
        values |= spread(name, [1e3 * time_s for time_s in times], "ms")
    elapsed_s = (found[-1].at_ns - found[0].at_ns) / NS
    values["chunks"] = (round((len(found) - 1) / elapsed_s, 2), "1/s")
    return values


@dataclass(frozen=True)
class Made:
    """A chunk and the time when it was published, in ns."""

    inference: Inference
    at_ns: int

    @property
    def age_s(self) -> float:
        """Age of its observation in s at the time of publishing."""
        return (self.at_ns - self.inference.chunk.stamp_ns) / NS


class Bench:
    """The policy node's loop with messages that come from a thread in the place of DDS."""

    def __init__(self, policy: LocalPolicy, robot: RobotConfig, continues: bool) -> None:
        inputs = policy.inputs
        self._buffer = ObservationBuffer(robot, inputs.fields, inputs.cameras)
        self._routes = routes(self._buffer)
        self._found: queue.Queue[Made] = queue.Queue()
        self._warnings: list[str] = []
        self._done = threading.Event()
        self._messages = Messages(robot)
        self._loop = InferenceLoop(
            policy=policy,
            observe=self._observe,
            outlet=self,
            now_ns=time.time_ns,
            instruction="move",
            settings=LoopSettings(continues=continues),
        )

    def run(self, count: int) -> list[Made]:
        """Make `count` chunks."""
        sender = threading.Thread(target=self._send, name="messages")
        sender.start()
        self._loop.start()
        try:
            return [self._take() for _ in range(count)]
        except queue.Empty:
            reason = self._loop.failure or "; ".join(self._warnings) or "no reason is known"
            raise RuntimeError(f"no chunk came within {WAIT_S:g} s: {reason}") from None
        finally:
            self._done.set()
            sender.join()
            self._loop.close(WAIT_S)

    def publish(self, inference: Inference) -> None:
        self._found.put(Made(inference, time.time_ns()))

    def void(self, void: Void) -> None: ...

    def warn(self, sentence: str) -> None:
        self._warnings.append(sentence)

    def _take(self) -> Made:
        """The next chunk, followed at once and in time as a perfect executor would."""
        made = self._found.get(timeout=WAIT_S)
        inference, chunk = made.inference, made.inference.chunk
        step = 1e9 * made.age_s / chunk.step_ns
        self._loop.measured(
            inference.activation,
            Progress(
                made.at_ns, inference.chunk_id, chunk.epoch, step, rate=1.0, delay_steps=step
            ),
        )
        return made

    def _observe(self, instruction: str, after_ns: int) -> tuple[Observation, Ages] | None:
        return self._buffer.observe_newer(time.time_ns(), instruction, after_ns)

    def _send(self) -> None:
        tick = 0
        started_s = time.monotonic()
        while not self._done.wait(max(0.0, started_s + tick / STATE_HZ - time.monotonic())):
            is_picture = tick * CAMERA_HZ // STATE_HZ != (tick - 1) * CAMERA_HZ // STATE_HZ
            for route in self._routes:
                if route.is_camera <= is_picture:
                    now_ns = time.time_ns()
                    route.store(self._messages.of(route, now_ns, tick), now_ns)
            if is_picture:
                self._loop.notify()
            tick += 1


class Messages:
    """Objects with the fields of the ROS messages of an arm that holds still."""

    def __init__(self, robot: RobotConfig) -> None:
        streams = robot.observations
        assert streams.joint_position and streams.grip
        self._base_frame = robot.base_frame
        self._joints = [*streams.joint_position.joints, streams.grip.joint]
        self._picture = np.random.default_rng(0).integers(0, 256, (*PICTURE_SIZE, 3), np.uint8)

    def of(self, route: Route, now_ns: int, tick: int) -> Any:
        """The message of a topic at a time; every picture is another one."""
        make: dict[str, Callable[[], dict[str, Any]]] = {
            JOINT_STATE: self._joint_state,
            IMAGE: lambda: self._image(tick),
        }
        stamp = SimpleNamespace(sec=now_ns // NS, nanosec=now_ns % NS)
        header = SimpleNamespace(stamp=stamp, frame_id=self._base_frame)
        return SimpleNamespace(header=header, **make.get(route.type_name, self._pose)())

    def _joint_state(self) -> dict[str, Any]:
        return {"name": self._joints, "position": [0.1] * len(self._joints)}

    def _pose(self) -> dict[str, Any]:
        position = SimpleNamespace(x=0.5, y=0.0, z=0.3)
        orientation = SimpleNamespace(w=0.0, x=1.0, y=0.0, z=0.0)
        return {"pose": SimpleNamespace(position=position, orientation=orientation)}

    def _image(self, tick: int) -> dict[str, Any]:
        picture = np.roll(self._picture, tick, axis=1)
        height, width, channels = picture.shape
        return {
            "height": height,
            "width": width,
            "encoding": "rgb8",
            "is_bigendian": 0,
            "step": width * channels,
            "data": picture.tobytes(),
        }
