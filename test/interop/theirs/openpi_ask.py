"""openpi-client asks a server once: openpi_ask.py PORT OBSERVATION.npz."""

import json
import sys

import numpy as np
from openpi_client.websocket_client_policy import WebsocketClientPolicy

port, path = int(sys.argv[1]), sys.argv[2]
with np.load(path) as saved:
    observation = {key: saved[key] for key in saved.files}
observation["prompt"] = str(observation["prompt"])
policy = WebsocketClientPolicy("127.0.0.1", port, api_key="secret")
answer = policy.infer(observation)
print(
    json.dumps(
        {
            "metadata": policy.get_server_metadata()["actions"],
            "actions": answer["actions"].tolist(),
            "timing": sorted(answer["server_timing"]),
        }
    )
)
