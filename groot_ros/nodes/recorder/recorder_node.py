"""Lifecycle node that records episodes as bags and says at once when a stream is broken."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from fnmatch import fnmatchcase

import rclpy
from rclpy.qos import DurabilityPolicy, QoSProfile
from rclpy.serialization import serialize_message
from std_srvs.srv import Trigger

from groot_ros.data.bags.episode_info import FAILURE, SUCCESS, EpisodeInfo, software_versions
from groot_ros.data.bags.metadata import Topic
from groot_ros.data.recording.episode_recorder import (
    Arrival,
    EpisodeRecorder,
    RecordedEpisode,
    RecorderOptions,
    problems,
)
from groot_ros.data.recording.health import expectations
from groot_ros.errors import UserError
from groot_ros.files.shell import quoted
from groot_ros.nodes import parameters
from groot_ros.nodes.diagnostics import DiagnosticsPublisher, Part
from groot_ros.nodes.lifecycle import GuardedLifecycleNode, run_node
from groot_ros.nodes.messages import to_time
from groot_ros.nodes.raw_topics import RawTopics, offered_qos
from groot_ros.nodes.recorder.record_episode import RecordEpisodeServer
from groot_ros.nodes.recorder.recorder_parameters import RecorderParameters
from groot_ros.observation.fields import NS
from groot_ros.robot.config import load_robot, robot_path
from groot_ros.share import user_path
from groot_ros_msgs.msg import EpisodeEvent
from groot_ros_msgs.srv import SetInstruction

EVENT_TYPE = "groot_ros_msgs/msg/EpisodeEvent"
EVENT_QOS = QoSProfile(depth=10, durability=DurabilityPolicy.TRANSIENT_LOCAL)
CHECK_PERIOD_S = 0.2
CLOSE_TIMEOUT_S = 30.0
MB, GB = 2**20, 10**9


class RecorderNode(GuardedLifecycleNode):
    """Everything that the robot file names and what else is wanted, one bag per episode."""

    NAME = "recorder"
    PARAMETERS = RecorderParameters
    expects_first_messages = False
    _recorder: EpisodeRecorder | None = None
    _topics: RawTopics | None = None

    def configure(self) -> None:
        p = parameters.read(self, RecorderParameters)
        self._instruction, self._note = p.instruction, p.note
        self._allowed = self._patterns(p.topics) or ["*"]
        self._excluded = self._patterns(p.exclude)
        self._expected = expectations(load_robot(p.robot), self.resolve_topic_name)
        options = RecorderOptions(
            output=user_path(p.output).resolve(),
            compress=p.compression == "zstd",
            buffer_bytes=p.buffer * MB,
            least_free_bytes=int(p.min_disk_space * GB),
        )
        self._recorder = self._create_recorder(options, p.robot)
        self._unsaved: list[RecordedEpisode] = []
        self._events = self.create_publisher(EpisodeEvent, "episode_events", EVENT_QOS)
        self._event_topic = self.resolve_topic_name("episode_events")
        event_topic = Topic(self._event_topic, EVENT_TYPE, (offered_qos(EVENT_QOS),))
        self._recorder.add_topic(event_topic, False, self.now_ns())
        self._create_services()
        self._action = RecordEpisodeServer(self, self)
        self._diagnostics = DiagnosticsPublisher(self, self._status, self._parts)

    def _patterns(self, text: str) -> list[str]:
        """Patterns of absolute names; relative ones are below the node's namespace."""
        namespace = self.get_namespace().rstrip("/")
        patterns = [word.strip() for word in text.split(",") if word.strip()]
        return [p if p.startswith(("/", "*")) else f"{namespace}/{p}" for p in patterns]

    def _create_recorder(self, options: RecorderOptions, robot: str) -> EpisodeRecorder:
        context = EpisodeInfo(
            robot=load_robot(robot).name,
            robot_file=robot_path(robot).read_text(),
            namespace=self.get_namespace(),
            versions=software_versions(rclpy.get_rmw_implementation_identifier()),
        )
        recorder = EpisodeRecorder(options, context, self._expected, self.now_ns())
        for part in recorder.interrupted():
            self.get_logger().warning(
                f"{part} was not finished: `groot-ros repair {quoted(part)}` makes it readable"
            )
        return recorder

    def _create_services(self) -> None:
        triggers = {
            "start": lambda: self._answer(self.start(self._instruction, self._note)),
            "stop": lambda: self._answer(self.stop("stopped")),
            "discard": lambda: self._answer(self._discard()),
            "rerecord": lambda: self._answer(self._rerecord()),
            "success": lambda: self._answer(self._end(SUCCESS, EpisodeEvent.SUCCESS)),
            "failure": lambda: self._answer(self._end(FAILURE, EpisodeEvent.FAILURE)),
        }
        self._own_services = [
            self.create_service(Trigger, f"~/{name}", _trigger(action))
            for name, action in triggers.items()
        ]
        self._own_services.append(
            self.create_service(SetInstruction, "~/set_instruction", self._on_set_instruction)
        )

    def activate(self) -> None:
        self._topics = RawTopics(self, self._is_wanted, self._on_topic, self._on_message)
        self._timer = self.create_timer(CHECK_PERIOD_S, self._check)

    def deactivate(self) -> None:
        if self._recorder and self._recorder.episode:
            self.stop("deactivated")
        if self._topics:
            self.destroy_timer(self._timer)
            self._topics.close()
            self._topics = None

    def cleanup(self) -> None:
        if self._recorder is None:
            return
        self._action.close()
        self._diagnostics.close()
        for service in self._own_services:
            self.destroy_service(service)
        self.destroy_publisher(self._events)
        if not self._recorder.close(CLOSE_TIMEOUT_S):
            self.get_logger().error("the disk is too slow: a bag remains for `groot-ros repair`")
        self._report_saved()
        self._recorder = None

    def parameter_changed(self, name: str, value: str) -> None:
        if name == "instruction":
            self._set_instruction(value)
        elif name == "note":
            self._note = value

    def _is_wanted(self, topic: str) -> bool:
        if self._expected.names(topic):
            return True
        hidden = any(token.startswith("_") for token in topic.split("/"))
        if hidden or topic == self._event_topic:
            return False
        excluded = any(fnmatchcase(topic, pattern) for pattern in self._excluded)
        return not excluded and any(fnmatchcase(topic, p) for p in self._allowed)

    def _on_topic(self, topic: Topic, latched: bool) -> None:
        self._get_recorder().add_topic(topic, latched, self.now_ns())

    def _on_message(self, topic: str, arrival: Arrival) -> None:
        self._get_recorder().receive(topic, arrival)

    def _get_recorder(self) -> EpisodeRecorder:
        assert self._recorder is not None
        return self._recorder

    def start(self, instruction: str, note: str, name: str = "") -> RecordedEpisode:
        """Begin an episode; UserError says why that is not possible."""
        if not self.is_active:
            raise UserError("the node is not active: activate it first")
        instruction = instruction or self._instruction
        episode = self._get_recorder().start(self.now_ns(), instruction, note, name)
        self._publish_event(EpisodeEvent.START, episode)
        self.get_logger().info(f"recording {episode.bag.path}")
        return episode

    def stop(self, reason: str) -> RecordedEpisode:
        """End the episode; its bag appears in the background."""
        recorder = self._get_recorder()
        if recorder.episode:
            self._publish_event(EpisodeEvent.STOP, recorder.episode)
        episode = recorder.stop(self.now_ns(), reason)
        self._unsaved.append(episode)
        return episode

    def _discard(self) -> RecordedEpisode:
        episode = self._get_recorder().discard()
        self._publish_event(EpisodeEvent.DISCARD, episode)
        return episode

    def _rerecord(self) -> RecordedEpisode:
        info = self._discard().info
        return self.start(info.instruction, info.note, info.episode)

    def _end(self, outcome: str, event: int) -> RecordedEpisode:
        """Mark the episode that is recorded and end it, or mark the last one."""
        recorder = self._get_recorder()
        episode = recorder.mark(outcome)
        self._publish_event(event, episode)
        if recorder.episode:
            self.stop("stopped")
        return episode

    def flags(self) -> list[str]:
        return self._get_recorder().flags(self.now_ns())

    def _set_instruction(self, instruction: str) -> None:
        self._instruction = instruction
        if episode := self._get_recorder().set_instruction(instruction):
            self._publish_event(EpisodeEvent.INSTRUCTION, episode)

    def _on_set_instruction(
        self, request: SetInstruction.Request, response: SetInstruction.Response
    ) -> SetInstruction.Response:
        response.success = bool(request.instruction.strip())
        if response.success:
            self._set_instruction(request.instruction.strip())
            response.message = f"now: {self._instruction}"
        else:
            response.message = "the instruction is empty, expected what to do in words"
        return response

    def _publish_event(self, kind: int, episode: RecordedEpisode) -> None:
        """Tell everybody, and the bag while the episode is recorded."""
        now_ns = self.now_ns()
        info = episode.info
        event = EpisodeEvent(
            event=kind, episode=info.episode, instruction=info.instruction, note=info.note
        )
        event.header.stamp = to_time(now_ns)
        self._events.publish(event)
        arrival = Arrival(now_ns, now_ns, None, serialize_message(event))
        self._get_recorder().receive(self._event_topic, arrival)

    def _answer(self, episode: RecordedEpisode) -> str:
        return str(episode.bag.path)

    def _check(self) -> None:
        recorder = self._get_recorder()
        if (problem := recorder.check(self.now_ns())) and recorder.episode:
            self.get_logger().error(f"recording stopped: {problem}")
            self.stop("failed")
        if sentence := "; ".join(self.flags()) if recorder.last else self._missing():
            self.get_logger().warning(sentence, throttle_duration_sec=5.0)
        self._report_saved()

    def _missing(self) -> str:
        """What should be known before the first episode."""
        silent = [
            report.topic
            for report in self._get_recorder().reports
            if report.expected and report.age_s is None and report.problems
        ]
        if not silent:
            return ""
        return (
            f"nothing received yet on {', '.join(silent)}: start what publishes there, or correct "
            "the robot file"
        )

    def _report_saved(self) -> None:
        for episode in tuple(self._unsaved):
            if episode.failure:
                self.get_logger().error(episode.failure)
            elif episode.saved:
                flags = "".join(f"\n  {flag}" for flag in episode.info.flags)
                counted = f"{episode.messages} messages"
                self.get_logger().info(f"saved {episode.bag.path}, {counted}{flags}")
            elif episode.info.reason != "discarded":
                continue
            self._unsaved.remove(episode)

    def _status(self) -> tuple[str, dict[str, str]]:
        recorder, now_ns = self._get_recorder(), self.now_ns()
        values = {
            "instruction": self._instruction,
            "disk left [GB]": f"{recorder.free_bytes / GB:.1f}",
            "buffered [MiB]": f"{recorder.buffered_bytes / MB:.1f}",
            "recording": str(recorder.episode is not None).lower(),
        }
        if shown := recorder.episode or recorder.last:
            values |= {
                "episode": shown.info.episode,
                "outcome": shown.info.outcome,
                "messages": str(shown.messages),
                "size [MB]": f"{shown.bag.bytes / 1e6:.1f}",
            }
        if episode := recorder.episode:
            values["elapsed [s]"] = f"{(now_ns - episode.started_ns) / NS:.1f}"
        found = self.flags() if recorder.episode else list(problems(recorder.reports))
        return "; ".join(found), values

    def _parts(self) -> Iterator[Part]:
        for report in self._get_recorder().reports:
            if report.expected or report.counts.messages:
                sentences = [problem.sentence for problem in report.problems]
                values = {key: str(value) for key, value in report.values().items()}
                values["robot file"] = str(report.expected).lower()
                yield Part(report.topic, "; ".join(sentences), values)


def _trigger(
    action: Callable[[], str],
) -> Callable[[Trigger.Request, Trigger.Response], Trigger.Response]:
    """A service that does something and answers with its result, or why it was not possible."""

    def answer(_: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        try:
            response.message = action()
            response.success = True
        except UserError as error:
            response.message = str(error)
        return response

    return answer


def main() -> int:
    """Entry point of `ros2 run groot_ros recorder_node`."""
    return run_node(RecorderNode)


if __name__ == "__main__":
    sys.exit(main())
