"""Positronic's server with its description of GR00T DROID, and a model that goes on a little.

positronic_droid_server.py: prints its port and serves until its stdin ends.
"""

import json
import sys
import threading

import numpy as np
from positronic.vendors.gr00t.serving import recipe, settings
from positronic_model_server.server import Model, ModelServer, Session
from positronic_model_server.server_wire import ServedHostPort
from positronic_model_server.websocket_wire import WebsocketWire

seen = []


class Droid(Session):
    def infer(self, observation):
        state = observation["state"]
        seen.append(
            {
                part: {key: list(np.shape(value)) for key, value in observation[part].items()}
                for part in ("video", "state", "language")
            }
            | {"text": observation["language"]["annotation.language.language_instruction"]}
        )
        steps = 0.001 * np.arange(40)[None, :, None]
        return [
            {
                "joint_position": state["joint_position"] + steps,
                "gripper_position": np.ones((1, 40, 1), np.float32),
                "eef_9d": np.repeat(state["eef_9d"], 40, axis=1),
            },
            {},
        ]

    def close(self):
        seen.append("ended")


class Loaded(Model):
    def prepare_session(self, params):
        droid = settings.droid()
        stack = recipe.client_stack(
            droid,
            fps=15.0,
            horizon_sec=1.0,
            image_mappings=droid[settings.IMAGE_MAPPINGS],
            compress_images=True,
        )
        return Droid(stack)


wire = WebsocketWire(ServedHostPort("127.0.0.1", 0))
server = ModelServer(Loaded, auth_token="secret")


def watch():
    print(wire.served_address.port, flush=True)
    sys.stdin.read()
    server.shutdown()


server.serve([wire], on_ready=lambda: threading.Thread(target=watch, daemon=True).start())
print(json.dumps(seen))
