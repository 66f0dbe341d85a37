"""Positronic's client asks a server once: positronic_client.py PORT OBSERVATION.npz.

The part of the declared stack that needs no robot is built and run; scheduling is the rig's.
"""

import json
import sys

import numpy as np
from positronic.drivers.roboarm import command
from positronic.offboard.client import InferenceClient
from positronic.policy.remote import declared_stack
from positronic.policy.spec import from_spec
from positronic_wire import registry
from positronic_wire.wire import SESSION_PATH, HostPortAddress

address = HostPortAddress("127.0.0.1", int(sys.argv[1]), SESSION_PATH, "")
headers = {"Authorization": "Bearer secret"}
client = InferenceClient(registry.client_wire("websocket"), address, headers=headers)
client.wait_for_server()
alive = client.keepalive()
session = client.new_session()
stack = declared_stack(session.metadata, session.protocol_version)
with np.load(sys.argv[2]) as saved:
    observation = {key: saved[key] for key in saved.files}
observation["task"] = str(observation["task"])
observation["grip"] = float(observation["grip"])
ask = session.infer
if session.protocol_version == 3:
    codecs = session.metadata["local_stack"]["seq"][1:]
    ask = from_spec({"seq": codecs}).wrap(ask)
answer = [step for step in ask(observation) if "robot_command" in step]
session.close()
print(
    json.dumps(
        {
            "version": int(session.protocol_version),
            "alive": alive,
            "stack": type(stack).__name__,
            "frames": session.metadata.get("ee_frames"),
            "poses": [
                np.concatenate([step["robot_command"].pose.translation]).tolist()
                for step in answer
                if isinstance(step["robot_command"], command.CartesianPosition)
            ],
            "grips": [float(step["target_grip"]) for step in answer],
        }
    )
)
