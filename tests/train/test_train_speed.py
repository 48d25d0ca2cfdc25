"""What is cheaper must come to the same."""

from typing import Any

import pytest

pytestmark = pytest.mark.usefixtures("needs_train")


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_dropout_drops_its_share_keeps_the_mean_and_is_independent(rate: float, dtype: str) -> None:
    import torch

    from biospan.train.speed import Dropout

    torch.manual_seed(0)
    dropout = Dropout(rate)
    x = torch.ones(1001, 257, dtype=getattr(torch, dtype), requires_grad=True)
    y = dropout(x)
    assert y.dtype == x.dtype
    dropped = (y == 0).float()
    assert dropped.mean().item() == pytest.approx(rate, abs=0.005)
    assert y.float().mean().item() == pytest.approx(1.0, abs=0.02)
    # Numbers that come from the same 64 random bits do not know of each other.
    quarters = dropped.flatten()[: 4 * 64000].view(-1, 4)
    correlations = torch.corrcoef(quarters.T) - torch.eye(4)
    assert correlations.abs().max().item() < 0.02
    y.sum().backward()
    assert x.grad is not None
    assert torch.equal(x.grad.eq(0), y.eq(0))
    torch.manual_seed(0)
    assert torch.equal(dropout(x), y)


def test_without_training_dropout_does_nothing() -> None:
    import torch

    from biospan.train.speed import Dropout

    x = torch.randn(5, 7)
    assert torch.equal(Dropout(0.5).eval()(x), x)
    assert torch.equal(Dropout(0.0)(x), x)


def test_every_dropout_of_a_module_is_replaced_with_its_rate() -> None:
    from torch import nn

    from biospan.train.speed import Dropout, use_cheap_dropout

    module = nn.Sequential(nn.Dropout(0.3), nn.Sequential(nn.Linear(2, 2), nn.Dropout(0.1)))
    use_cheap_dropout(module)
    found = [part for part in module.modules() if isinstance(part, nn.Dropout)]
    assert [(type(part), part.p) for part in found] == [(Dropout, 0.3), (Dropout, 0.1)]


def test_gradients_by_rows_are_those_of_the_whole_table() -> None:
    import torch
    from torch import nn

    from biospan.train.speed import row_gradients

    class Encoder(nn.Module):
        def __init__(self, table: nn.Embedding) -> None:
            super().__init__()
            self.table = table

        def get_input_embeddings(self) -> nn.Embedding:
            return self.table

    torch.manual_seed(0)
    plain = nn.Embedding(50, 4, padding_idx=0)
    rows = nn.Embedding(50, 4, padding_idx=0)
    rows.load_state_dict(plain.state_dict())
    (table,) = row_gradients(Encoder(rows))
    optimizers: list[Any] = [torch.optim.AdamW(e.parameters(), lr=0.1) for e in (plain, rows)]
    for _ in range(5):
        ids = torch.randint(0, 50, (3, 6))
        ids[0] = 0
        weights = torch.randn(3, 6, 4)
        for embedding in (plain, rows):
            (embedding(ids) * weights).sum().backward()
        table.gather()
        found, expected = rows.weight.grad, plain.weight.grad
        assert found is not None
        assert expected is not None
        assert torch.allclose(found, expected, atol=1e-6)
        for optimizer in optimizers:
            optimizer.step()
            optimizer.zero_grad()
        table.clear()
    assert torch.allclose(plain.weight, rows.weight, atol=1e-5)


def test_rows_that_only_another_process_used_are_forgotten_after_the_step() -> None:
    import torch
    from torch import nn

    from biospan.train.speed import RowGradients

    torch.manual_seed(0)
    tables = [nn.Embedding(8, 2) for _ in range(2)]
    gradients = [RowGradients(table, shared=True) for table in tables]
    for step in range(3):
        ids = [torch.tensor([step]), torch.tensor([step + 4])]  # each process its own row
        for table, own in zip(tables, ids, strict=True):
            table(own).sum().backward()
        for one in gradients:
            one.gather()
        total = sum(table.weight.grad for table in tables if table.weight.grad is not None)
        assert isinstance(total, torch.Tensor)
        expected = torch.zeros(8, 2)
        expected[[step, step + 4]] = 1.0
        for table in tables:
            assert table.weight.grad is not None
            table.weight.grad.copy_(total)
            assert torch.equal(table.weight.grad, expected)
        for one in gradients:
            one.clear()


def test_an_encoder_that_hides_its_table_is_left_alone() -> None:
    from torch import nn

    from biospan.train.speed import row_gradients

    assert row_gradients(nn.Linear(2, 2)) == []
