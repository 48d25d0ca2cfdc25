"""Which encoders can be adapted."""

from pathlib import Path
from typing import Any

import pytest
from tokenizers import Tokenizer

from biospan.errors import ConfigError
from conftest import small_tokenizer

pytestmark = pytest.mark.usefixtures("needs_train")

SIZES: dict[str, Any] = {"vocab_size": 200, "num_hidden_layers": 1, "num_attention_heads": 2}


def refused(module: Any, tokenizer: Tokenizer, *, keeps_vocabulary: bool = True, **ids: int) -> str:
    from biospan.train.model import Encoder
    from biospan.train.pretrain.model import check_encoder

    special = {"cls_id": 2, "sep_id": 3, "pad_id": 0, "unk_id": 1, **ids}
    with pytest.raises(ConfigError) as error:
        check_encoder(
            Encoder(module, tokenizer, special), "some/name", keeps_vocabulary=keeps_vocabulary
        )
    return str(error.value)


def maskable() -> Tokenizer:
    tokenizer = small_tokenizer()
    tokenizer.add_special_tokens(["[MASK]"])
    return tokenizer


def bert(**changes: int) -> Any:
    import transformers

    config = transformers.BertConfig(**SIZES, hidden_size=8, intermediate_size=8)
    for name, value in changes.items():
        setattr(config, name, value)
    return transformers.BertModel(config)


def test_an_encoder_without_token_types_is_refused() -> None:
    import transformers

    config = transformers.DistilBertConfig(vocab_size=200, dim=8, n_layers=1, n_heads=2)
    message = refused(transformers.DistilBertModel(config), maskable())
    assert "encoder `some/name`: has no `embeddings.token_type_embeddings`" in message
    assert "encoder of BERT's make" in message


def test_an_encoder_whose_pieces_are_narrower_than_its_states_is_refused() -> None:
    import transformers

    config = transformers.ElectraConfig(
        **SIZES, embedding_size=6, hidden_size=8, intermediate_size=8
    )
    message = refused(transformers.ElectraModel(config), maskable())
    assert "its pieces have 6 dimensions and its states 8" in message


def test_everything_that_is_wrong_with_a_tokenizer_is_told() -> None:
    message = refused(bert(vocab_size=20), small_tokenizer(), cls_id=4)
    assert "no piece `[MASK]`" in message
    assert "its cls piece is `cells`, expected BERT's `[CLS]`" in message
    assert "its tokenizer has pieces up to number" in message
    assert "its table 20 rows" in message


def test_more_pieces_than_are_stored_in_sixteen_bits_are_refused_if_they_are_kept() -> None:
    from biospan.train.model import Encoder
    from biospan.train.pretrain.model import check_encoder

    tokenizer = maskable()
    tokenizer.add_tokens([f"word{number}" for number in range(65_537)])
    module = bert(vocab_size=tokenizer.get_vocab_size())
    message = refused(module, tokenizer)
    assert "expected at most 65535; have another learned with `vocabulary`" in message
    special = {"cls_id": 2, "sep_id": 3, "pad_id": 0, "unk_id": 1}
    check_encoder(Encoder(module, tokenizer, special), "some/name", keeps_vocabulary=False)


def test_shapes_begin_as_what_the_first_token_type_was() -> None:
    import torch

    from biospan import pieces
    from biospan.train.pretrain.model import take_shapes

    module = bert()
    first = module.embeddings.token_type_embeddings.weight.data[0].clone()
    take_shapes(module)
    table = module.embeddings.token_type_embeddings.weight.data
    assert torch.equal(table, first.expand(pieces.N_SHAPES, -1))
    table[3] += 1
    take_shapes(module)  # an encoder that has been adapted keeps what it has learned
    assert torch.equal(module.embeddings.token_type_embeddings.weight.data, table)


def test_a_new_table_takes_the_old_ones_place(tmp_path: Path) -> None:
    import torch
    from transformers import AutoModel

    from biospan.train.pretrain.model import change_vocabulary

    module, table = bert(), torch.randn(11, 8)
    change_vocabulary(module, table)
    module.save_pretrained(tmp_path)
    again = AutoModel.from_pretrained(tmp_path)
    assert torch.equal(again.get_input_embeddings().weight, table)
    assert again.config.vocab_size == 11
