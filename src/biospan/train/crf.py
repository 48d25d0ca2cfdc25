"""A linear-chain CRF head in torch: learned scores between neighbouring tags of a sentence.

Only training happens here; decoding is NumPy's business (`biospan.decode`), for this head and
for softmax alike. What the tag scheme forbids has minus infinity in both, so that all of a
sentence's probability lies on legal sequences.

Source: Lafferty, McCallum and Pereira, "Conditional random fields" (2001).
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from biospan.model_config import MAX_TRANSITION
from biospan.tags import TagSet


class Sequences(NamedTuple):
    """Gold tags of the sentences of a batch, or of the parts of them that a window owns.

    Attributes:
        places: Row of each token in the batch's flattened emissions. Shape (n_sequences, n_steps).
        tag_ids: Gold tags; of padding, any tag. Shape (n_sequences, n_steps).
        lengths: Tokens of each sequence, at least one. Shape (n_sequences,).
        opens: Whether the sequence begins its sentence. Shape (n_sequences,).
        closes: Whether it ends it. Shape (n_sequences,).
    """

    places: Tensor
    tag_ids: Tensor
    lengths: Tensor
    opens: Tensor
    closes: Tensor


class Learned(NamedTuple):
    """The scores as a model's configuration holds them; see `biospan.model_config`."""

    start_transitions: tuple[float, ...]
    transitions: tuple[tuple[float, ...], ...]
    end_transitions: tuple[float, ...]


class Crf(nn.Module):
    """Scores of opening a sentence, of going from tag to tag, and of closing it; log domain."""

    starts_allowed: Tensor
    transitions_allowed: Tensor
    ends_allowed: Tensor

    def __init__(self, tag_set: TagSet) -> None:
        super().__init__()
        n_tags = len(tag_set.names)
        self.starts = nn.Parameter(torch.zeros(n_tags))
        self.transitions = nn.Parameter(torch.zeros(n_tags, n_tags))
        self.ends = nn.Parameter(torch.zeros(n_tags))
        for name in ("starts", "transitions", "ends"):
            allowed = torch.from_numpy(getattr(tag_set, name).copy())
            self.register_buffer(f"{name}_allowed", allowed, persistent=False)

    def log_likelihood(self, emissions: Tensor, gold: Sequences) -> Tensor:
        """Log-probability of the gold tags of each sequence.

        A sequence that is cut from its sentence by the edge of a window may open with, or close
        on, any tag, at no score.

        Args:
            emissions: One row per token of the batch. Shape (n_rows, n_tags).
            gold: Tags that the scheme allows, and where they stand.

        Returns:
            Shape (n_sequences,).
        """
        scores = emissions.float()[gold.places]
        starts, transitions, ends = self._scores()
        starts = torch.where(gold.opens[:, None], starts, 0.0)
        ends = torch.where(gold.closes[:, None], ends, 0.0)
        total = self._log_total(scores, gold.lengths, (starts, transitions, ends))
        last = gold.lengths - 1
        inside = torch.arange(scores.shape[1], device=scores.device) < gold.lengths[:, None]
        own = scores.gather(2, gold.tag_ids.unsqueeze(2)).squeeze(2)
        moves = transitions[gold.tag_ids[:, :-1], gold.tag_ids[:, 1:]]
        first_tags, last_tags = gold.tag_ids[:, :1], gold.tag_ids.gather(1, last[:, None])
        path = (
            torch.where(inside, own, 0.0).sum(1)
            + torch.where(inside[:, 1:], moves, 0.0).sum(1)
            + starts.gather(1, first_tags).squeeze(1)
            + ends.gather(1, last_tags).squeeze(1)
        )
        return path - total

    def divergence(self, emissions: Tensor, where: Sequences, marginals: Tensor) -> Tensor:
        """Cross-entropy from a teacher's sequences to ours, up to what the emissions do not change.

        Its gradient is our probability of each tag at each token minus the teacher's. The scores
        between tags do not learn from it: they would need the teacher's pairs of tags.

        Args:
            emissions: One row per token of the batch. Shape (n_rows, n_tags).
            where: The sequences; their tags are not looked at.
            marginals: The teacher's probability of each tag. Shape (n_rows, n_tags).

        Returns:
            Shape (n_sequences,).
        """
        scores = emissions.float()[where.places]
        starts, transitions, ends = (part.detach() for part in self._scores())
        starts = torch.where(where.opens[:, None], starts, 0.0)
        ends = torch.where(where.closes[:, None], ends, 0.0)
        total = self._log_total(scores, where.lengths, (starts, transitions, ends))
        inside = torch.arange(scores.shape[1], device=scores.device) < where.lengths[:, None]
        expected = (marginals[where.places] * scores).sum(dim=2)
        return total - torch.where(inside, expected, 0.0).sum(dim=1)

    def learned(self) -> Learned:
        """The scores as plain numbers; 0 where the scheme forbids."""
        starts, transitions, ends = (
            torch.where(
                torch.isinf(scores), 0.0, scores.clamp(-MAX_TRANSITION, MAX_TRANSITION)
            ).tolist()
            for scores in self._scores()
        )
        return Learned(tuple(starts), tuple(map(tuple, transitions)), tuple(ends))

    def _scores(self) -> tuple[Tensor, Tensor, Tensor]:
        infinity = -torch.inf
        return (
            self.starts.masked_fill(~self.starts_allowed, infinity),
            self.transitions.masked_fill(~self.transitions_allowed, infinity),
            self.ends.masked_fill(~self.ends_allowed, infinity),
        )

    @staticmethod
    def _log_total(scores: Tensor, lengths: Tensor, chain: tuple[Tensor, Tensor, Tensor]) -> Tensor:
        """Log of the sum over all tag sequences, by the forward algorithm."""
        starts, transitions, ends = chain
        forward = starts + scores[:, 0]
        for step in range(1, scores.shape[1]):
            extended = torch.logsumexp(forward.unsqueeze(2) + transitions, dim=1) + scores[:, step]
            forward = torch.where((step < lengths)[:, None], extended, forward)
        return torch.logsumexp(forward + ends, dim=1)
