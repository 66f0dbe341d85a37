"""`ros2 bag`, with the common arguments of ros2bag, over groot_ros's recorder and player."""

from __future__ import annotations

import signal
import threading
from argparse import ArgumentParser, Namespace
from datetime import datetime
from pathlib import Path
from typing import Any

import rclpy
import yaml
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.signals import SignalHandlerOptions
from ros2cli.command import CommandExtension, add_subparsers_on_demand
from ros2cli.verb import VerbExtension

SPIN_PERIOD_S = 0.1
DEFAULT_CLOCK_HZ = 40.0


def stop_on_signals() -> threading.Event:
    """Set by SIGINT and SIGTERM from now on."""
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    return stop


def existing_bag(path: str) -> Path:
    """The folder of a bag, given it or one of its files."""
    bag = Path(path)
    if not bag.exists():
        raise RuntimeError(f"Bag path '{path}' does not exist!")
    folder = bag if bag.is_dir() else bag.parent
    if not (folder / "metadata.yaml").is_file():
        raise RuntimeError(f"'{folder}' has no metadata.yaml: run `groot-ros repair {folder}`")
    return folder


class BagCommand(CommandExtension):
    """Various rosbag related sub-commands."""

    def add_arguments(
        self, parser: ArgumentParser, cli_name: str, *, argv: list[str] | None = None
    ) -> None:
        self._parser = parser
        add_subparsers_on_demand(
            parser, cli_name, "_verb", "ros2bag.verb", required=False, argv=argv
        )

    def main(self, *, parser: ArgumentParser, args: Namespace) -> Any:
        if not hasattr(args, "_verb"):
            self._parser.print_help()
            return 0
        return args._verb.main(args=args)


class RecordVerb(VerbExtension):
    """Record ROS data to a bag."""

    def add_arguments(self, parser: ArgumentParser, cli_name: str) -> None:
        parser.add_argument("names", nargs="*", metavar="topic", help="Topics to record")
        parser.add_argument("--topics", nargs="+", default=[], help="Topics to record")
        parser.add_argument(
            "-a", "--all", "--all-topics", action="store_true", help="Record all topics"
        )
        parser.add_argument("-e", "--regex", default="", help="Topics that this pattern fits")
        parser.add_argument(
            "-x", "--exclude-regex", default="", help="But not those that this pattern fits"
        )
        parser.add_argument("--exclude-topics", nargs="+", default=[], help="But not these topics")
        parser.add_argument(
            "--include-hidden-topics", action="store_true", help="Hidden topics as well"
        )
        parser.add_argument(
            "-o", "--output", help="Folder to create; rosbag2_<date>-<time> by default"
        )
        parser.add_argument("-s", "--storage", choices=["mcap"], default="mcap")
        parser.add_argument(
            "-d", "--max-bag-duration", type=float, default=0.0, help="Seconds; then a new file"
        )
        parser.add_argument(
            "-b", "--max-bag-size", type=int, default=0, help="Bytes; then a new file"
        )
        parser.add_argument(
            "--storage-preset-profile",
            choices=["none", "zstd_fast", "zstd_small"],
            default="none",
            help="Both zstd profiles compress alike here",
        )
        parser.add_argument(
            "--use-sim-time", action="store_true", help="Take message times from /clock"
        )
        parser.add_argument("--node-name", default="rosbag2_recorder")

    def main(self, *, args: Namespace) -> Any:
        from groot_ros.nodes.recorder.bag_recorder import BagRecorder, Split, TopicChoice

        choice = TopicChoice(
            names=frozenset(_absolute(name) for name in [*args.names, *args.topics]),
            regex=args.regex,
            everything=args.all,
            excluded_names=frozenset(_absolute(name) for name in args.exclude_topics),
            excluded_regex=args.exclude_regex,
            hidden=args.include_hidden_topics,
        )
        if not (choice.names or choice.regex or choice.everything):
            return "Need to specify at least one option out of: topics, --regex, --all"
        path = Path(args.output or f"rosbag2_{datetime.now():%Y_%m_%d-%H_%M_%S}")
        if path.exists():
            return f"Output folder '{path}' already exists."
        stop = stop_on_signals()
        rclpy.init(args=[], signal_handler_options=SignalHandlerOptions.NO)
        sim_time = Parameter("use_sim_time", value=args.use_sim_time)
        node = Node(args.node_name, parameter_overrides=[sim_time])
        compress = args.storage_preset_profile != "none"
        split = Split(args.max_bag_duration, args.max_bag_size)
        recorder = BagRecorder(node, path, choice, split, compress)
        self._record_until(stop, node, recorder)
        messages = recorder.close()
        node.destroy_node()
        rclpy.try_shutdown()
        if recorder.failure:
            return f"{recorder.failure}; `groot-ros repair {path}.part` saves what was written"
        print(f"Recording stopped: {messages} messages in '{path}'")
        if recorder.lost:
            return f"{recorder.lost} messages were lost because the disk is too slow"
        return None

    @staticmethod
    def _record_until(stop: threading.Event, node: Node, recorder: Any) -> None:
        executor = SingleThreadedExecutor()
        executor.add_node(node)
        shown: set[str] = set()
        while not stop.is_set() and not recorder.failure:
            executor.spin_once(timeout_sec=SPIN_PERIOD_S)
            for topic in set(recorder.topics) - shown:
                print(f"Subscribed to topic '{topic}'", flush=True)
                shown.add(topic)
        executor.shutdown(timeout_sec=SPIN_PERIOD_S)


class InfoVerb(VerbExtension):
    """Print information about a bag to the screen."""

    def add_arguments(self, parser: ArgumentParser, cli_name: str) -> None:
        parser.add_argument("bag_path", help="Bag to show")
        parser.add_argument("-s", "--storage", help="Not needed: metadata.yaml tells")
        parser.add_argument("-t", "--topic-name", action="store_true", help="Only the topic names")

    def main(self, *, args: Namespace) -> None:
        folder = existing_bag(args.bag_path)
        content = yaml.safe_load((folder / "metadata.yaml").read_text())
        information = content["rosbag2_bagfile_information"]
        topics = sorted(
            (
                (entry["topic_metadata"], entry["message_count"])
                for entry in information["topics_with_message_count"]
            ),
            key=lambda entry: str(entry[0]["name"]),
        )
        if args.topic_name:
            print(*(topic["name"] for topic, _ in topics), sep="\n")
        else:
            print(describe(folder, information, topics))


def describe(folder: Path, information: Any, topics: list[tuple[Any, int]]) -> str:
    """A bag as ros2bag shows it."""
    files = information["relative_file_paths"]
    size = sum((folder / name).stat().st_size for name in files if (folder / name).exists())
    start_ns = information["starting_time"]["nanoseconds_since_epoch"]
    duration_ns = information["duration"]["nanoseconds"]
    lines = [
        ("Files:", "\n".join([files[0], *(f"{'':19}{name}" for name in files[1:])])),
        ("Bag size:", _size(size)),
        ("Storage id:", information["storage_identifier"]),
        ("ROS Distro:", information.get("ros_distro") or "unknown"),
        ("Duration:", f"{duration_ns / 1e9:.9f}s"),
        ("Start:", _moment(start_ns)),
        ("End:", _moment(start_ns + duration_ns)),
        ("Messages:", information["message_count"]),
    ]
    head = "Topic information:"
    for topic, count in topics:
        lines.append(
            (
                head,
                f"Topic: {topic['name']} | Type: {topic['type']} | Count: {count} | "
                f"Serialization Format: {topic['serialization_format']}",
            )
        )
        head = ""
    return "\n".join(f"{label:<18} {value}" for label, value in lines)


def _size(size: int) -> str:
    value, unit = float(size), "B"
    for larger in ("KiB", "MiB", "GiB"):
        if value < 1024:
            break
        value, unit = value / 1024, larger
    return f"{value:.1f} {unit}"


def _moment(time_ns: int) -> str:
    moment = datetime.fromtimestamp(time_ns // 10**9)
    return f"{moment:%b %d %Y %H:%M:%S}.{time_ns % 10**9:09d} ({time_ns / 1e9:.9f})"


class PlayVerb(VerbExtension):
    """Play back ROS data from a bag."""

    def add_arguments(self, parser: ArgumentParser, cli_name: str) -> None:
        parser.add_argument("bag_path", help="Bag to play")
        parser.add_argument("-s", "--storage", help="Not needed: metadata.yaml tells")
        parser.add_argument("-r", "--rate", type=float, default=1.0, help="Times as fast")
        parser.add_argument("-l", "--loop", action="store_true", help="Begin again at the end")
        parser.add_argument(
            "-d", "--delay", type=float, default=0.0, help="Seconds to wait before"
        )
        parser.add_argument(
            "--start-offset", type=float, default=0.0, help="Seconds of the bag to leave out"
        )
        parser.add_argument(
            "--playback-duration", type=float, default=float("inf"), help="Seconds of the bag"
        )
        parser.add_argument("--topics", nargs="+", default=[], help="Play only these topics")
        parser.add_argument("--exclude-topics", nargs="+", default=[], help="But not these topics")
        parser.add_argument(
            "--clock",
            type=float,
            nargs="?",
            const=DEFAULT_CLOCK_HZ,
            default=0.0,
            metavar="HZ",
            help=f"Publish /clock at this rate ({DEFAULT_CLOCK_HZ:g} without a number)",
        )
        parser.add_argument(
            "-m", "--remap", nargs="+", default=[], metavar="OLD:=NEW", help="Other topic names"
        )
        parser.add_argument(
            "--disable-keyboard-controls", action="store_true", help="There are none here"
        )

    def main(self, *, args: Namespace) -> Any:
        from groot_ros.errors import UserError
        from groot_ros.nodes.recorder.bag_player import BagPlayer, PlayOptions

        folder = existing_bag(args.bag_path)
        if args.rate <= 0:
            return f"rate is {args.rate:g}, expected more than 0"
        options = PlayOptions(
            rate=args.rate,
            start_s=args.start_offset,
            duration_s=args.playback_duration,
            topics=frozenset(_absolute(name) for name in args.topics),
            excluded=frozenset(_absolute(name) for name in args.exclude_topics),
            remap=dict(_remapping(rule) for rule in args.remap),
            clock_hz=args.clock,
            loop=args.loop,
        )
        stop = stop_on_signals()
        rclpy.init(args=[], signal_handler_options=SignalHandlerOptions.NO)
        node = Node("rosbag2_player")
        try:
            player = BagPlayer(node, folder, options)
            playing = threading.Thread(target=player.play, daemon=True)
            stop.wait(args.delay)
            playing.start()
            while playing.is_alive() and not stop.is_set():
                playing.join(SPIN_PERIOD_S)
            player.stop()
            playing.join()
        except UserError as error:
            return str(error)
        finally:
            node.destroy_node()
            rclpy.try_shutdown()
        return None


def _absolute(topic: str) -> str:
    return topic if topic.startswith("/") else f"/{topic}"


def _remapping(rule: str) -> tuple[str, str]:
    old, separator, new = rule.partition(":=")
    if not old or not separator or not new:
        raise RuntimeError(f"malformed remapping '{rule}', expected format 'old:=new'")
    return _absolute(old), _absolute(new)
