"""What makes a training step cheap on a CPU without changing what is learned.

Measured by `benchmarks/training.py`. Attention is eager, since the fused kernel's backward pass
is slow on CPUs; that is set where the encoder is loaded.
"""

import torch
from torch import Tensor, nn

_DRAWS = 2**16  # a mask is drawn from 16 random bits a number, four numbers from each 64
_LOWEST = -(2**15)


class Dropout(nn.Dropout):
    """Dropout whose masks cost a quarter of the random numbers; the rate is rounded to 2**-16."""

    def forward(self, input: Tensor) -> Tensor:
        """Zero a share of the numbers and scale the others up, in training."""
        if not self.training or self.p == 0.0 or input.device.type != "cpu":
            return super().forward(input)
        size = input.numel()
        bits = torch.empty(-(-size // 4), dtype=torch.int64).random_(-(2**63), None)
        drawn = bits.view(torch.int16)[:size].view(input.shape)
        n_dropped = round(self.p * _DRAWS)
        kept = drawn >= _LOWEST + n_dropped
        return input * kept.to(input.dtype).mul_(_DRAWS / (_DRAWS - n_dropped))


def use_cheap_dropout(module: nn.Module) -> None:
    """Replace every `nn.Dropout` inside of a module."""
    for name, child in module.named_children():
        if type(child) is nn.Dropout:
            setattr(module, name, Dropout(child.p))
        else:
            use_cheap_dropout(child)


class RowGradients:
    """Gradients of an embedding table as one buffer of which only the used rows are touched.

    Torch makes a new table of zeros in every step, which for a table of millions of numbers
    costs more than the optimiser. The gradient is the same.

    Args:
        table: The embedding.
        shared: Whether other processes add their gradients to the buffer.
    """

    def __init__(self, table: nn.Embedding, *, shared: bool = False) -> None:
        table.sparse = True
        self._shared = shared
        self._weight = table.weight
        self._buffer = torch.zeros_like(table.weight)
        self._rows: Tensor | None = None

    def gather(self) -> None:
        """After the backward pass: make the gradient dense."""
        found = self._weight.grad
        if found is not None and found.is_sparse:
            self._rows = found._indices()[0]
            self._buffer.index_add_(0, self._rows, found._values())
        self._weight.grad = self._buffer

    def clear(self) -> None:
        """After the optimiser's step: make room for the next one."""
        if self._shared:
            self._buffer.zero_()  # other processes have used other rows
        elif self._rows is not None:
            self._buffer[self._rows] = 0.0
        self._weight.grad = None


def row_gradients(encoder: nn.Module, *, shared: bool = False) -> list[RowGradients]:
    """For the table of an encoder's pieces, if the encoder tells which it is."""
    find = getattr(encoder, "get_input_embeddings", None)
    table = find() if callable(find) else None
    return [RowGradients(table, shared=shared)] if isinstance(table, nn.Embedding) else []
