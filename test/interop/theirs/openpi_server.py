"""A server in openpi's messages, as its serve_policy.py has them; prints its port.

Joints move on from those that it was sent, the gripper is as bright as the exterior picture.
"""

import traceback

import numpy as np
from openpi_client import msgpack_numpy
from websockets.sync.server import serve


def infer(observation):
    if not observation["prompt"]:
        raise ValueError("no prompt")
    joints = observation["observation/joint_position"] + np.arange(10)[:, None] * 0.01
    grip = np.full((10, 1), observation["observation/exterior_image_1_left"].mean() / 255)
    assert observation["observation/wrist_image_left"].shape == (224, 224, 3)
    return np.concatenate([joints, grip], axis=1)


def answer(socket):
    assert socket.request.headers["Authorization"] == "Api-Key secret"
    packer = msgpack_numpy.Packer()
    socket.send(packer.pack({"reset_pose": np.zeros(7)}))
    while True:
        try:
            actions = infer(msgpack_numpy.unpackb(socket.recv()))
        except ValueError:
            socket.send(traceback.format_exc())
            socket.close(1011, "Internal server error. Traceback included in previous frame.")
            return
        socket.send(packer.pack({"actions": actions, "server_timing": {"infer_ms": 1.0}}))


with serve(answer, "127.0.0.1", 0, compression=None, max_size=None) as server:
    print(server.socket.getsockname()[1], flush=True)
    server.serve_forever()
