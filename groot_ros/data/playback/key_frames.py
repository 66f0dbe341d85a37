"""What of a bag counts that was said before a time: video from a key frame on, what is latched."""

from __future__ import annotations

from collections.abc import Mapping

from groot_ros.cameras.catalog import kind_of
from groot_ros.cameras.units import look_into
from groot_ros.cameras.video import decoder_name
from groot_ros.data.bags.reader import Bag
from groot_ros.observation.fields import NS
from groot_ros.observation.routes import Route

# Looked through backwards, twice as much at a time.
FIRST_LOOK_NS = 2 * NS


def decode_before(bag: Bag, streams: Mapping[str, Route], start_ns: int) -> None:
    """Hand cameras that send video all packets from the last key frame before a time up to it, so
    that the packets from then on can be decoded, and latched topics all that they have said."""
    for topic, route in streams.items():
        if route.is_latched:
            for _, arrival_ns, message in bag.messages({topic: route.type_name}, None, start_ns):
                route.store(message, arrival_ns)
        if route.is_camera:
            types = {topic: route.type_name}
            key_ns = last_key_frame_ns(bag, types, start_ns)
            if key_ns is not None:
                for _, arrival_ns, message in bag.messages(types, key_ns, start_ns):
                    route.store(message, arrival_ns)


def last_key_frame_ns(bag: Bag, types: Mapping[str, str], before_ns: int) -> int | None:
    """Arrival of the last key frame of a camera (`types` is its topic and type) before a time;
    None where there is none, or no video."""
    stop_ns, span_ns = before_ns, FIRST_LOOK_NS
    while stop_ns > bag.start_ns:
        start_ns = max(stop_ns - span_ns, bag.start_ns)
        found = None
        for _, arrival_ns, message in bag.messages(types, start_ns, stop_ns):
            video = kind_of(message).video(message)
            if not (codec := decoder_name(video)):
                return None
            if look_into(codec, bytes(message.data)).is_key:
                found = arrival_ns
        if found is not None:
            return found
        stop_ns, span_ns = start_ns, 2 * span_ns
    return None
