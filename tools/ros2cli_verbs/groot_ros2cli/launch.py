"""`ros2 launch`, with the arguments and outputs of ros2launch."""

from __future__ import annotations

import os
import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path

from ament_index_python.packages import PackageNotFoundError, get_package_share_directory
from launch import LaunchDescription, LaunchIntrospector, LaunchService
from launch.actions import IncludeLaunchDescription, SetLaunchConfiguration
from launch.invalid_launch_file_error import InvalidLaunchFileError
from launch.launch_description_sources import (
    AnyLaunchDescriptionSource,
    get_launch_description_from_any_launch_file,
)
from ros2cli.command import CommandExtension


def find_launch_file(package: str, file_name: str) -> Path:
    """The file of this name anywhere in the package's share folder."""
    try:
        share = Path(get_package_share_directory(package))
    except PackageNotFoundError as error:
        raise RuntimeError(f"Package '{package}' not found: {error}") from error
    found = sorted(path for path in share.rglob(file_name) if path.is_file())
    if not found:
        raise RuntimeError(
            f"file '{file_name}' was not found in the share directory of package '{package}' "
            f"which is at '{share}'"
        )
    if len(found) > 1:
        raise RuntimeError(
            f"file '{file_name}' was found more than once in the share directory of package "
            f"'{package}': {[str(path) for path in found]}"
        )
    return found[0]


def resolve(args: Namespace) -> tuple[Path, list[str]]:
    """Launch file and its arguments, from `PACKAGE FILE [ARGUMENTS]` or `PATH [ARGUMENTS]`."""
    path = Path(args.package_name)
    if path.is_file():
        first = [args.launch_file_name] if args.launch_file_name else []
        return path, first + args.launch_arguments
    if args.launch_file_name is None:
        raise RuntimeError(f"'{path}' is not a launch file, and no file of a package is named")
    return find_launch_file(args.package_name, args.launch_file_name), args.launch_arguments


def parse_arguments(arguments: list[str]) -> dict[str, str]:
    """`name:=value` pairs; of two values for one name the last counts."""
    parsed = {}
    for argument in arguments:
        name, separator, value = argument.partition(":=")
        if not name or not separator:
            raise RuntimeError(
                f"malformed launch argument '{argument}', expected format '<name>:=<value>'"
            )
        parsed[name] = value
    return parsed


def describe_arguments(description: LaunchDescription) -> str:
    """The arguments that a launch file takes, one paragraph each."""
    paragraphs = ["Arguments (pass arguments as '<name>:=<value>'):"]
    for argument in description.get_launch_arguments():
        lines = [f"    '{argument.name}':", f"        {argument.description}"]
        if argument.default_value is not None:
            default = " + ".join(part.describe() for part in argument.default_value)
            lines.append(f"        (default: {default})")
        paragraphs.append("\n".join(lines))
    if len(paragraphs) == 1:
        paragraphs.append("  No arguments.")
    return "\n\n".join(paragraphs)


def run(path: Path, arguments: list[str], args: Namespace) -> int:
    """Launch the file until everything in it has ended; 0 unless launch itself met an error."""
    service = LaunchService(argv=arguments, debug=args.debug, noninteractive=args.noninteractive)
    prefix = [
        SetLaunchConfiguration(name, value)
        for name, value in (
            ("launch-prefix", args.launch_prefix),
            ("launch-prefix-filter", args.launch_prefix_filter),
        )
        if value is not None
    ]
    include = IncludeLaunchDescription(
        AnyLaunchDescriptionSource(str(path)),
        launch_arguments=parse_arguments(arguments).items(),
    )
    service.include_launch_description(LaunchDescription([*prefix, include]))
    return service.run()


class LaunchCommand(CommandExtension):
    """Run a launch file."""

    def add_arguments(self, parser: ArgumentParser, cli_name: str) -> None:
        parser.add_argument(
            "-n",
            "--noninteractive",
            default=not sys.stdin.isatty(),
            action="store_true",
            help="Run without a terminal: nodes get the signals that launch gets",
        )
        parser.add_argument(
            "-d", "--debug", action="store_true", help="Say more about what launch does"
        )
        shown = parser.add_mutually_exclusive_group()
        shown.add_argument(
            "-p",
            "--print",
            "--print-description",
            action="store_true",
            help="Print the launch description instead of launching it",
        )
        shown.add_argument(
            "-s",
            "--show-args",
            "--show-arguments",
            action="store_true",
            help="Print the arguments of the launch file instead of launching it",
        )
        parser.add_argument(
            "-a",
            "--show-all-subprocesses-output",
            action="store_true",
            help="Print the output of all nodes, whatever the launch file says",
        )
        parser.add_argument(
            "--launch-prefix", help="Command to put before the executables, such as 'gdb -ex run'"
        )
        parser.add_argument(
            "--launch-prefix-filter",
            help="Regular expression of the executables that get the launch prefix",
        )
        parser.add_argument("package_name", help="ROS package, or path of a launch file")
        parser.add_argument("launch_file_name", nargs="?", help="Name of the launch file")
        parser.add_argument(
            "launch_arguments",
            nargs="*",
            help="Arguments of the launch file, '<name>:=<value>'; the last value counts",
        )

    def main(self, *, parser: ArgumentParser, args: Namespace) -> int:
        path, arguments = resolve(args)
        if args.show_all_subprocesses_output:
            os.environ["OVERRIDE_LAUNCH_PROCESS_OUTPUT"] = "both"
        if not args.print and not args.show_args:
            return run(path, arguments, args)
        try:
            description = get_launch_description_from_any_launch_file(str(path))
        except InvalidLaunchFileError as error:
            raise RuntimeError(str(error)) from error
        if args.print:
            print(LaunchIntrospector().format_launch_description(description))
        else:
            print(describe_arguments(description))
        return 0
