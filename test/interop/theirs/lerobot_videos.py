"""What LeRobot 0.4.4 expects of torchvision, where PyPI's is for CUDA's torch and reads no videos.

The names of missing operators are given to it, and PyAV, on which its reader was built, stands in.
"""

import re
import sys

import av
import torch

library = torch.library.Library("torchvision", "DEF")


class VideoReader:
    def __init__(self, path, stream):
        self.container = av.open(path)

    def seek(self, time_s, keyframes_only=False):
        self.container.seek(int(time_s * av.time_base))

    def __iter__(self):
        for frame in self.container.decode(video=0):
            picture = torch.from_numpy(frame.to_ndarray(format="rgb24")).permute(2, 0, 1)
            yield {"data": picture, "pts": float(frame.time)}


def stand_in():
    while "torchvision.io" not in sys.modules:
        try:
            import torchvision.io
        except RuntimeError as error:
            missing = re.search(r"operator torchvision::(\w+) does not exist", str(error))
            if missing is None:
                raise
            library.define(f"{missing[1]}(Tensor x) -> Tensor")
            for name in [name for name in sys.modules if name.startswith("torchvision")]:
                del sys.modules[name]
    torchvision = sys.modules["torchvision"]
    if not hasattr(torchvision.io, "VideoReader"):
        torchvision.io.VideoReader = VideoReader
        torchvision.set_video_backend = lambda backend: None
