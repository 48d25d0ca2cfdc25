"""A vocabulary of the field's own, its embeddings carried over from the encoder's old one.

A piece that both vocabularies have keeps its embedding. A new one starts halfway between the
mean of the old pieces it was written with, and the old pieces whose company in the text it keeps
(after Dobler and de Melo, "FOCUS", 2023): by the cosine of vectors that a singular value
decomposition makes of positive pointwise mutual information.
"""

from collections.abc import Iterable

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer, models, trainers
from torch import Tensor

SPAN = 4  # pieces to either side that count as company
N_DIMENSIONS = 256
N_NEIGHBOURS = 10
SHARPNESS = 10.0  # of the softmax over the neighbours' cosines
MIN_FREQUENCY = 5
_CONTINUED = "##"
_SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")


def learn(old: Tokenizer, lines: Iterable[str], *, size: int) -> Tokenizer:
    """A WordPiece tokenizer of the old one's make with pieces learned from text.

    Args:
        old: Gives normaliser, pre-tokeniser and special pieces.
        lines: Text.
        size: Pieces, special ones included.
    """
    special = [token.content for token in old.get_added_tokens_decoder().values()]
    special += [piece for piece in _SPECIAL if piece not in special]
    new = Tokenizer(models.WordPiece(unk_token="[UNK]"))  # noqa: S106 - a piece
    new.normalizer, new.pre_tokenizer = old.normalizer, old.pre_tokenizer
    trainer = trainers.WordPieceTrainer(
        vocab_size=size,
        min_frequency=MIN_FREQUENCY,
        special_tokens=special,
        continuing_subword_prefix=_CONTINUED,
        show_progress=False,
    )
    new.train_from_iterator(lines, trainer)
    return new


def carry_over(
    table: Tensor, old: Tokenizer, new: Tokenizer, ids: NDArray[np.uint16]
) -> tuple[Tensor, int]:
    """Embeddings for a new vocabulary.

    Args:
        table: Embeddings of the old vocabulary. Shape (n_old, n_dimensions).
        old: Its tokenizer.
        new: The new tokenizer.
        ids: The text in new pieces. Shape (n_pieces,).

    Returns:
        Shape (n_new, n_dimensions), and how many of the pieces are in both vocabularies.
    """
    size = new.get_vocab_size()
    names = {number: piece for piece, number in new.get_vocab().items()}
    pieces = [names[number] for number in range(size)]
    numbers = [old.token_to_id(piece) for piece in pieces]
    shared = torch.tensor([i for i, number in enumerate(numbers) if number is not None])
    fresh = torch.tensor([i for i, number in enumerate(numbers) if number is None])
    result = torch.empty((size, table.shape[1]))
    result[shared] = table[[number for number in numbers if number is not None]]
    if not len(fresh):
        return result, len(shared)
    spelled = torch.stack([_spelled(pieces[i], old, table) for i in fresh.tolist()])
    result[fresh] = spelled
    vectors = torch.nn.functional.normalize(_vectors(ids, size), dim=1)
    known = vectors[shared].norm(dim=1) > 0
    anchors = shared[known]
    if not len(anchors):
        return result, len(shared)
    n_neighbours = min(N_NEIGHBOURS, len(anchors))
    for begin in range(0, len(fresh), 1024):
        rows = fresh[begin : begin + 1024]
        cosines, nearest = (vectors[rows] @ vectors[anchors].T).topk(n_neighbours)
        weights = (SHARPNESS * cosines).softmax(dim=1).unsqueeze(-1)
        company = (weights * result[anchors[nearest]]).sum(dim=1)
        heard = (vectors[rows].norm(dim=1) > 0).unsqueeze(-1)
        here = spelled[begin : begin + 1024]
        result[rows] = torch.where(heard, (company + here) / 2, here)
    return result, len(shared)


def _spelled(piece: str, old: Tokenizer, table: Tensor) -> Tensor:
    """Mean of the old pieces that a piece is written with."""
    inside = piece.startswith(_CONTINUED)
    ids = old.encode(piece.removeprefix(_CONTINUED), add_special_tokens=False).ids
    if not ids:
        return table.mean(dim=0)
    if inside:  # as the old vocabulary would go on with it, where it can
        ids = [old.token_to_id(f"{_CONTINUED}{old.id_to_token(ids[0])}") or ids[0], *ids[1:]]
    return table[ids].mean(dim=0)


def _vectors(ids: NDArray[np.uint16], size: int) -> Tensor:
    """A vector for each piece from the company it keeps.

    Returns:
        Shape (n_pieces, N_DIMENSIONS); of a piece that is not in the text, what rounding leaves.
    """
    wide = ids.astype(np.int64)
    keys: NDArray[np.int64] = np.empty(0, dtype=np.int64)
    counts: NDArray[np.int64] = np.empty(0, dtype=np.int64)
    for distance in range(1, SPAN + 1):
        found, times = np.unique(wide[:-distance] * size + wide[distance:], return_counts=True)
        keys, places = np.unique(np.concatenate([keys, found]), return_inverse=True)
        counts = np.bincount(places, np.concatenate([counts, times])).astype(np.int64)
    rows, columns = keys // size, keys % size
    frequency = np.bincount(rows, counts, size) + np.bincount(columns, counts, size)
    # Contexts are smoothed as in Levy, Goldberg and Dagan (2015).
    context = frequency**0.75
    expected = np.log(frequency[rows]) + np.log(context[columns] / context.sum())
    mutual = np.maximum(np.log(counts) - expected + np.log(2.0), 0.0)
    kept = mutual > 0
    cells = torch.from_numpy(np.stack([rows[kept], columns[kept]]))
    half = torch.sparse_coo_tensor(
        cells, torch.from_numpy(mutual[kept]).float(), (size, size), check_invariants=False
    ).coalesce()
    matrix = (half + half.transpose(0, 1)).coalesce()
    torch.manual_seed(0)
    left, values, _ = torch.svd_lowrank(matrix, q=N_DIMENSIONS, niter=3)
    return left * values.sqrt()
