"""LeRobot's loader at some rows of a dataset: lerobot_loader.py DATASET OUTPUT.npz INDEX..."""

import sys

import numpy as np

sys.path.insert(0, __file__.rsplit("/", 1)[0])
from lerobot_videos import stand_in  # noqa: E402

stand_in()

from lerobot.datasets.lerobot_dataset import LeRobotDataset  # noqa: E402

path, output, *indices = sys.argv[1:]
dataset = LeRobotDataset("local/dataset", root=path, video_backend="pyav")
found = {"length": len(dataset), "episodes": dataset.num_episodes, "fps": dataset.fps}
for index in map(int, indices):
    for key, value in dataset[index].items():
        found[f"{index}/{key}"] = value if isinstance(value, str) else np.asarray(value)
np.savez(output, **found)
