"""A dataset that LeRobot writes: lerobot_writer.py OUTPUT. Two episodes, pictures in the rows."""

import sys

import torch

sys.path.insert(0, __file__.rsplit("/", 1)[0])
from lerobot_videos import stand_in  # noqa: E402

stand_in()

import numpy as np  # noqa: E402
from lerobot.datasets.lerobot_dataset import LeRobotDataset  # noqa: E402

names = [f"joint_{index}" for index in range(7)]
features = {
    "observation.state": {"dtype": "float32", "shape": (7,), "names": names},
    "action": {"dtype": "float32", "shape": (7,), "names": names},
    "observation.images.wrist": {
        "dtype": "image",
        "shape": (48, 64, 3),
        "names": ["height", "width", "channels"],
    },
}
dataset = LeRobotDataset.create(
    "local/dataset", fps=10, features=features, root=sys.argv[1], use_videos=False
)
rng = np.random.default_rng(0)
for episode, steps in enumerate((12, 9)):
    for _ in range(steps):
        dataset.add_frame(
            {
                "observation.state": torch.from_numpy(rng.normal(size=7).astype(np.float32)),
                "action": torch.from_numpy(rng.normal(size=7).astype(np.float32)),
                "observation.images.wrist": rng.integers(0, 255, (48, 64, 3), np.uint8),
                "task": f"task {episode}",
            }
        )
    dataset.save_episode()
dataset.finalize()
