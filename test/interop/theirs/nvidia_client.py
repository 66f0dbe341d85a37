"""A client as NVIDIA's since 2026-05-07: msgpack_numpy over a REQ socket.

nvidia_client.py PORT: reads msgpack_numpy's maps of the observation from stdin.
"""

import functools
import json
import sys

import msgpack
import msgpack_numpy
import zmq


def plain(value, chain=None):
    return value


pack = functools.partial(
    msgpack.packb, default=functools.partial(msgpack_numpy.encode, chain=plain)
)
unpack = functools.partial(
    msgpack.unpackb, object_hook=functools.partial(msgpack_numpy.decode, chain=plain)
)
socket = zmq.Context().socket(zmq.REQ)
socket.setsockopt(zmq.RCVTIMEO, 60_000)
socket.connect(f"tcp://127.0.0.1:{sys.argv[1]}")


def call(endpoint, data=None):
    socket.send(pack({"endpoint": endpoint, **({"data": data} if data else {})}))
    return unpack(socket.recv())


config = call("get_modality_config")
observation = unpack(sys.stdin.buffer.read())
actions, info = call("get_action", {"observation": observation, "options": None})
print(
    json.dumps(
        {
            "marked": all("__ModalityConfig__" in part for part in config.values()),
            "keys": config["action"]["as_json"]["modality_keys"],
            "dtypes": [str(values.dtype) for values in actions.values()],
            "ee_pose": actions["ee_pose"].tolist(),
        }
    )
)
