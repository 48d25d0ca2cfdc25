"""An encoder with the head that guesses hidden pieces."""

from typing import Any

import torch
from torch import Tensor, nn

from biospan import pieces


class MaskedLanguageModel(nn.Module):
    """A transformers encoder and a head whose last layer is the table of its pieces.

    Args:
        encoder: A model of BERT's make: it takes `token_type_ids`, here the shapes of pieces.
    """

    def __init__(self, encoder: Any) -> None:
        super().__init__()
        size = encoder.config.hidden_size
        self.encoder = encoder
        self.transform = nn.Sequential(nn.Linear(size, size), nn.GELU(), nn.LayerNorm(size))
        self.bias = nn.Parameter(torch.zeros(encoder.config.vocab_size))
        nn.init.eye_(self.transform[0].weight)
        nn.init.zeros_(self.transform[0].bias)

    def forward(self, input_ids: Tensor, shapes: Tensor, places: Tensor) -> Tensor:
        """Scores of every piece of the vocabulary at the hidden places.

        Args:
            input_ids: Shape (n_windows, n_pieces).
            shapes: Shape (n_windows, n_pieces).
            places: Index of each hidden piece in the flattened windows. Shape (n_hidden,).

        Returns:
            Shape (n_hidden, n_vocabulary).
        """
        states = self.encoder(input_ids=input_ids, token_type_ids=shapes).last_hidden_state
        hidden = self.transform(states.flatten(0, 1)[places])
        table = self.encoder.get_input_embeddings().weight
        return nn.functional.linear(hidden, table, self.bias)


def take_shapes(encoder: Any) -> None:
    """Let a BERT encoder take shapes as token types; each begins as what type 0 was."""
    types = encoder.embeddings.token_type_embeddings
    if types.num_embeddings >= pieces.N_SHAPES:
        return
    wider = nn.Embedding(pieces.N_SHAPES, types.embedding_dim)
    wider.weight.data[:] = types.weight.data[0]
    encoder.embeddings.token_type_embeddings = wider
    encoder.config.type_vocab_size = pieces.N_SHAPES


def change_vocabulary(encoder: Any, table: Tensor) -> None:
    """Give an encoder the embeddings of another vocabulary. Shape (n_vocabulary, hidden_size)."""
    padding = encoder.get_input_embeddings().padding_idx
    fresh = nn.Embedding(len(table), table.shape[1], padding_idx=padding)
    fresh.weight.data[:] = table
    encoder.set_input_embeddings(fresh)
    encoder.config.vocab_size = len(table)
