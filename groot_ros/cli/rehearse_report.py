"""The result of `groot-ros rehearse` in sentences."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

MOST_REASONS = 4


def report(result: Mapping[str, Any]) -> Iterator[str]:
    """Lines for the terminal, of a dictionary of `rehearsal_result.summarize`."""
    yield (
        f"{result['episodes']} episodes, {result['seconds']:.1f} s, {result['chunks']} chunks, "
        f"each {1e3 * result['latency_s']:.0f} ms after its pictures were taken"
    )
    rate = result["rate"]
    share = f", at {100 * rate['median']:.0f} % of their speed (median)" if rate else ""
    yield f"{result['executed']:6d} executed{share}"
    for name in ("slowed", "graded", "refused"):
        yield from _counted(name, result[name])
    yield from _counted("stops", result["stops"])
    yield from _counted("pictures without an observation", result["without_observation"])
    if result["beyond"]:
        is_pose = "position_m" in result["distance"]
        where = "m out of limits.workspace" if is_pose else "rad out of the joints' ranges"
        yield f"the executed motion went {result['beyond']:.3f} {where}"
    if result["distance"]:
        yield f"executed motion to what was demonstrated: {_distances(result['distance'])}"
    if result["chunk_distance"]:
        yield f"steps of chunks to what was demonstrated: {_distances(result['chunk_distance'])}"
    if result["grip_apart"] is not None:
        yield f"gripper: {100 * result['grip_apart']:.0f} % of the time apart from it"
    if result["model_s"]:
        yield from _times(result)


def _counted(name: str, reasons: Mapping[str, int]) -> Iterator[str]:
    yield f"{sum(reasons.values()):6d} {name}"
    for reason, count in list(reasons.items())[:MOST_REASONS]:
        yield f"       {count} x {reason}"
    if (more := len(reasons) - MOST_REASONS) > 0:
        yield f"       and {more} more reasons, in rehearsal.json"


def _distances(found: Mapping[str, Mapping[str, float]]) -> str:
    texts = []
    for name, scale, unit in (
        ("position_m", 1e3, "mm"),
        ("rotation_rad", math.degrees(1.0), "deg"),
        ("joints_rad", math.degrees(1.0), "deg"),
    ):
        if values := found.get(name):
            median, high = scale * values["median"], scale * values["p95"]
            texts.append(f"{median:.1f} {unit} (median), {high:.1f} {unit} (95 %)")
    return "; ".join(texts)


def _times(result: Mapping[str, Any]) -> Iterator[str]:
    model, decode = result["model_s"], result["decode_s"]
    yield (
        f"inference took {1e3 * model['median']:.0f} ms (median), {1e3 * model['p95']:.0f} ms "
        f"(95 %) on this machine, reading pictures {1e3 * decode['median']:.1f} ms"
    )
    if model["median"] + decode["median"] > result["latency_s"]:
        yield (
            "that is more than --latency says: rehearse with what the machine on the robot needs"
        )
