"""Training: everything that needs torch. It hands over a model directory and nothing else."""

from biospan.train.config import TrainConfig, load_config

__all__ = ["TrainConfig", "load_config"]
