"""An encoder with the head that guesses hidden pieces."""

from typing import Any

import torch
from torch import Tensor, nn

from biospan import pieces
from biospan.errors import ConfigError
from biospan.train.model import Encoder

SPECIAL = {"cls": "[CLS]", "sep": "[SEP]", "pad": "[PAD]", "unk": "[UNK]"}
MASK = "[MASK]"
_LAST_ID = 65_535  # a text's pieces are stored in 16 bits


class MaskedLanguageModel(nn.Module):
    """A transformers encoder and a head whose last layer is the table of its pieces.

    Args:
        encoder: A model of BERT's make: it takes `token_type_ids`, here the shapes of pieces.
    """

    def __init__(self, encoder: Any) -> None:
        super().__init__()
        size = encoder.config.hidden_size
        self.encoder = encoder
        linear = nn.Linear(size, size)
        self.transform = nn.Sequential(linear, nn.GELU(), nn.LayerNorm(size))
        self.bias = nn.Parameter(torch.zeros(encoder.config.vocab_size))
        nn.init.eye_(linear.weight)
        nn.init.zeros_(linear.bias)

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


def check_encoder(encoder: Encoder, name: str, *, keeps_vocabulary: bool) -> None:
    """Refuse an encoder that cannot be adapted, before anything is read.

    Args:
        encoder: As it was loaded.
        name: What the recipe calls it.
        keeps_vocabulary: Whether no new vocabulary is learned.

    Raises:
        ConfigError: With all that is wrong with it.
    """
    module: Any = encoder.module
    tokenizer = encoder.tokenizer
    found = []
    if not hasattr(getattr(module, "embeddings", None), "token_type_embeddings"):
        found.append(
            "has no `embeddings.token_type_embeddings` to take the shapes of pieces, expected an "
            "encoder of BERT's make"
        )
    n_rows, width = module.get_input_embeddings().weight.shape
    if width != module.config.hidden_size:
        found.append(
            f"its pieces have {width} dimensions and its states {module.config.hidden_size}, "
            "expected the same, as pieces are guessed by their embeddings"
        )
    if tokenizer.token_to_id(MASK) is None:
        found.append(f"its tokenizer has no piece `{MASK}`, expected it for what is hidden")
    for kind, piece in SPECIAL.items():
        got = tokenizer.id_to_token(encoder.special_ids[f"{kind}_id"])
        if got != piece:
            found.append(f"its {kind} piece is `{got}`, expected BERT's `{piece}`")
    last = max(tokenizer.get_vocab().values())
    if last >= n_rows:
        found.append(f"its tokenizer has pieces up to number {last}, its table {n_rows} rows")
    if keeps_vocabulary and last > _LAST_ID:
        found.append(
            f"its tokenizer has pieces up to number {last}, expected at most {_LAST_ID}; have "
            "another learned with `vocabulary`"
        )
    if found:
        raise ConfigError("\n".join(f"encoder `{name}`: {problem}" for problem in found))


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
