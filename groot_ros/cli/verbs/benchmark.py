"""`groot-ros benchmark`: measure time and memory.

For the model PyTorch and transformers are enough:
`python -m groot_ros.cli.verbs.benchmark model`.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from groot_ros.errors import UserError

MODEL_CONFIGS = ["full", "mid", "tiny", "full_n16", "mid_n16", "tiny_n16"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_subjects(parser)


def add_subjects(parser: argparse.ArgumentParser) -> None:
    subjects = parser.add_subparsers(title="subjects", metavar="SUBJECT", required=True)
    model = subjects.add_parser("model", help="GR00T, random weights, beside its plain form")
    model.add_argument("--config", choices=MODEL_CONFIGS, default="full")
    model.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N")
    model.add_argument("--dtype", choices=["float32", "bfloat16", "float16"], default="bfloat16")
    model.add_argument("--compile", choices=["auto", "off", "default", "max"], default="auto")
    model.add_argument("--repeats", type=int, default=10, help="measured runs (default: 10)")
    model.add_argument("--json", action="store_true", help="print one JSON object")
    model.set_defaults(run=run_model)
    recorder = subjects.add_parser("recorder", help="loss and load of recording raw cameras")
    recorder.add_argument("--cameras", type=int, default=2, help="640x480, 30 Hz (default: 2)")
    recorder.add_argument("--seconds", type=float, default=20.0, help="default: 20")
    recorder.add_argument("--output", type=Path, help="folder on the disk to measure")
    recorder.add_argument("--json", action="store_true", help="print one JSON object")
    recorder.set_defaults(run=run_recorder)

    convert = subjects.add_parser("convert", help="speed and memory of bags to a dataset")
    convert.add_argument("--bags", type=int, default=2, help="two cameras each (default: 2)")
    convert.add_argument("--pictures", choices=["raw", "jpeg"], default="raw")
    convert.add_argument("--seconds", type=float, default=30.0, help="per bag (default: 30)")
    convert.add_argument("--workers", type=int, default=2, help="processes (default: 2)")
    convert.add_argument(
        "--memory",
        action="store_true",
        help="what memory grows by, in a bag of --seconds with small JPEG",
    )
    convert.add_argument("--output", type=Path, help="folder on the disk to measure")
    convert.add_argument("--json", action="store_true", help="print one JSON object")
    convert.set_defaults(run=run_convert)

    loader = subjects.add_parser("loader", help="samples per second that training gets")
    loader.add_argument("--dataset", type=Path, help="default: one made for it")
    loader.add_argument("--samples", type=int, default=640, help="default: 640")
    loader.add_argument("--workers", type=int, default=0, help="processes (default: 0)")
    loader.add_argument("--json", action="store_true", help="print one JSON object")
    loader.set_defaults(run=run_loader)

    from groot_ros.cli.benchmarks import repair as benchmark_repair
    from groot_ros.cli.benchmarks import runtime as benchmark_runtime
    from groot_ros.cli.benchmarks import safety as benchmark_safety
    from groot_ros.cli.benchmarks import serve as benchmark_serve
    from groot_ros.cli.benchmarks import soak as benchmark_soak

    benchmark_repair.add_subject(subjects)
    benchmark_runtime.add_subject(subjects)
    benchmark_safety.add_subject(subjects)
    benchmark_serve.add_subject(subjects)
    benchmark_soak.add_subject(subjects)


def run_convert(args: argparse.Namespace) -> int:
    from groot_ros.benchmarks.convert import ConvertBenchmark

    if args.output and not args.output.is_dir():
        raise UserError(f"output {args.output} is no folder: make it first, or leave it out")
    if args.memory:
        return run_memory(args)
    benchmark = ConvertBenchmark(args.bags, args.seconds, args.workers, args.pictures, args.output)
    result = benchmark.run()
    if args.json:
        print(json.dumps(result, indent=2))
    else:
        print(
            f"{args.bags} bags of {args.seconds:g} s: {result['frames_per_s']:.0f} frames/s, "
            f"{result['realtime_factor']:.1f} times real time\n"
            f"{result['elapsed_s']:.1f} s, {result['times_bare']:.2f} times the "
            f"{result['bare_s']:.1f} s that decoding, fitting and encoding the pictures alone "
            f"takes; processor time {result['cpu_s']:.1f} s, {result['times_bare_cpu']:.2f} times "
            f"{result['bare_cpu_s']:.1f} s\n"
            f"{result['peak_rss_bytes'] / 1e9:.2f} GB of memory, load {result['load_average']:.1f}"
        )
    return 0


def run_memory(args: argparse.Namespace) -> int:
    from groot_ros.benchmarks.convert_memory import EPISODE_S, MemoryBenchmark

    if args.seconds < 20 * EPISODE_S:
        raise UserError(f"--memory needs --seconds {20 * EPISODE_S:g} or more, such as 7200")
    result = MemoryBenchmark(args.seconds, args.output).run()
    if args.json:
        print(json.dumps(result, indent=2))
    else:
        print(
            f"{result['seconds']:g} s, {result['messages']} messages in {result['chunks']} "
            f"chunks: {result['peak_rss_bytes'] / 1e6:.0f} MB of memory, "
            f"{result['bytes_per_chunk_of_a_bag'] / 1e3:.1f} kB more for each chunk of a bag, "
            f"{result['bytes_per_s_of_an_episode'] / 1e3:.0f} kB for each second of an episode"
        )
    return 0


def run_loader(args: argparse.Namespace) -> int:
    from groot_ros.benchmarks.loader import LoaderBenchmark

    result = LoaderBenchmark(args.dataset, args.samples, args.workers).run()
    if args.json:
        print(json.dumps(result, indent=2))
    else:
        print(
            f"samples/s: {result['samples_per_s']:.0f} with all pictures in memory after "
            f"{result['prepare_s']:.1f} s, {result['video_samples_per_s']:.0f} from the videos, "
            f"{result['baseline_samples_per_s']:.0f} with a video opened for each picture; load "
            f"{result['load_average']:.1f} on {result['cores']} cores"
        )
    return 0


def run_recorder(args: argparse.Namespace) -> int:
    from groot_ros.nodes.benchmarks.recorder import Load, run

    result = run(Load(args.cameras, args.seconds), args.output)
    if args.json:
        print(json.dumps(result, indent=2))
    else:
        print(
            f"{args.cameras} cameras and joint states for {result['seconds']:.1f} s: "
            f"{result['lost']} of {result['published']} messages lost, recorder "
            f"{result['cpu_percent']:.0f} % of a core, load {result['load_average']:.1f} on "
            f"{result['cores']} cores"
        )
    return 0


def run_model(args: argparse.Namespace) -> int:
    from groot_ros.benchmarks.model import Benchmark, Options, report

    options = Options(args.config, args.device, args.dtype, args.compile, args.repeats)
    result = Benchmark(options).run()
    if args.json:
        print(json.dumps(result, indent=2))
    else:
        report(options, result)
    return 0


if __name__ == "__main__":
    own_parser = argparse.ArgumentParser(description=__doc__)
    add_subjects(own_parser)
    own_args = own_parser.parse_args()
    sys.exit(own_args.run(own_args))
