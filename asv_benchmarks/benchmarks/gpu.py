"""What runs on a GPU, where there is one: problems of the roofline page, timed by events of the stream."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
import gpu_problems

timeout = 900  # a kernel of a solve takes up to a minute to compile
DTYPES = ["float32", "float64"]


class Gpu:
    """A problem on a card; skipped where there is none."""

    params = (list(gpu_problems.PROBLEMS), DTYPES)
    param_names = ("problem", "dtype")

    def setup(self, problem, dtype):
        try:
            self.device = gpu_problems.device()
        except (ImportError, RuntimeError) as reason:
            raise NotImplementedError(str(reason)) from reason
        self.run = gpu_problems.PROBLEMS[problem](self.device, dtype)
        self.run()

    def track_milliseconds(self, problem, dtype):
        return gpu_problems.median_milliseconds(self.device, self.run)

    track_milliseconds.unit = "ms"
