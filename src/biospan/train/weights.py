"""Pickled weights into safetensors: the one place that reads a pickle, and only when asked.

torch's `weights_only` reader builds tensors and plain containers and refuses everything else. It
has had holes, so it runs in a process of its own, which holds nothing but the file.
"""

import multiprocessing
from multiprocessing.connection import Connection
from pathlib import Path

from biospan.errors import ModelError


def convert(pickled: str | Path, output: str | Path) -> None:
    """Write the tensors of a pickled state dict as safetensors.

    Raises:
        ModelError: If the file holds anything but named tensors, or reading it fails.
    """
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_work, args=(str(pickled), str(output), sender))
    process.start()
    sender.close()
    try:
        problem: str = receiver.recv()
    except EOFError:
        problem = "the process that read it died"
    process.join()
    if problem:
        Path(output).unlink(missing_ok=True)
        raise ModelError(f"{pickled}: cannot be converted: {problem}")


def _work(pickled: str, output: str, sender: Connection) -> None:
    """Convert, in a process of its own, and say what went wrong; empty for nothing."""
    import torch
    from safetensors.torch import save_file

    try:
        found = torch.load(pickled, map_location="cpu", weights_only=True)
        if not isinstance(found, dict):
            raise TypeError(f"got {type(found).__name__}, expected named tensors")
        strangers = [name for name, tensor in found.items() if not torch.is_tensor(tensor)]
        if strangers:
            raise TypeError(f"`{strangers[0]}` is no tensor")
        # Tensors that share memory are written one by one.
        tensors = {str(name): tensor.contiguous().clone() for name, tensor in found.items()}
        save_file(tensors, output, metadata={"format": "pt"})
    except Exception as error:
        sender.send(f"{type(error).__name__}: {str(error)[:500]}")
    else:
        sender.send("")
