"""`config.json` of a model directory: what the runtime half must know of a model.

Every field has a rule; all that is wrong is told at once. The JSON reader is strict and is used
for the directory's other files too. Nothing here reads files.
"""

import json
import re
import reprlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Literal, NoReturn

from biospan.calibration import Calibration
from biospan.errors import InputError, ModelError
from biospan.tags import Scheme, TagSet

Decisions = Literal["units", "words"]
Reading = Literal["units", "text"]

CONFIG = "config.json"
FORMAT_VERSION = 1
INPUT_NAMES = ("input_ids", "mask", "token_starts", "shapes")
REQUIRED_INPUTS = INPUT_NAMES[:3]
_MAX_LABELS = 256
# Log domain; `biospan.decode` computes with the exponentials, which must not overflow.
MAX_TRANSITION = 50.0
_MAX_ACTIVATION = 1e6
_NUMBERS = f"numbers from {-MAX_TRANSITION} to {MAX_TRANSITION}"
_BRIEF = reprlib.Repr()
_BRIEF.maxstring = _BRIEF.maxother = 80
# Labels reach HTML, spreadsheets, JavaScript objects and file names. That the first character is
# a letter or a digit keeps out `__proto__`, `..`, and what a spreadsheet takes for a formula.
LABEL_PATTERN = r"[A-Za-z0-9][A-Za-z0-9_.+\-]{0,63}"
_LABEL = re.compile(LABEL_PATTERN)


@dataclass(frozen=True, slots=True)
class ModelConfig:
    """What the runtime half must know of a model.

    Attributes:
        labels: Sorted; with `scheme` they number the tags, see `tags.TagSet`.
        inputs: Names of the graph's inputs.
        max_pieces: Pieces of a window, special pieces included. 16 to 8192.
        context: What a window is packed from.
        lowercase: Whether the tokenizer lower-cases.
        transitions: Of a CRF, log domain, from row to column; None: a softmax head.
            Shape (n_tags, n_tags).
        start_transitions: Likewise into the first token. Shape (n_tags,).
        end_transitions: Likewise out of the last token. Shape (n_tags,).
        calibration: What makes scores of probabilities; None: they are the model's own.
        activations: Least and greatest number, on training text, of each tensor that the graph
            multiplies by weights, by name; None: not measured, and so no int8.
        decisions: What gets a tag: `units`, or `words`, which are the given tokens where there are
            some.
        reading: What is turned into pieces at a time: each of these by itself, or the `text` of a
            sentence, as the tokenizer was made for. Then those that share a first piece are one.
        loses_case: Whether the tokenizer lower-cases on purpose what a cased vocabulary could tell.
        provenance: Any JSON: recipe, seeds, scores, code version.

    Raises:
        ModelError: If a value has the wrong type or range; all of them in one message.
    """

    labels: tuple[str, ...]
    scheme: Scheme
    inputs: tuple[str, ...]
    max_pieces: int
    context: Literal["sentence", "document"]
    lowercase: bool
    cls_id: int
    sep_id: int
    pad_id: int
    unk_id: int
    transitions: tuple[tuple[float, ...], ...] | None = None
    start_transitions: tuple[float, ...] | None = None
    end_transitions: tuple[float, ...] | None = None
    calibration: Calibration | None = None
    activations: Mapping[str, tuple[float, float]] | None = field(default=None, hash=False)
    decisions: Decisions = "units"
    reading: Reading = "units"
    loses_case: bool = False
    provenance: Mapping[str, Any] = field(default_factory=dict, hash=False)
    format_version: int = FORMAT_VERSION

    def __post_init__(self) -> None:
        refuse_any(CONFIG, _config_problems(self._values()))

    @property
    def tag_set(self) -> TagSet:
        """The tags, numbered."""
        return TagSet(self.labels, self.scheme)

    @classmethod
    def from_json(cls, data: bytes, where: str = CONFIG) -> "ModelConfig":
        """Read `config.json`.

        Raises:
            ModelError: If it is not what `to_json` writes; all that is wrong in one message.
        """
        values = json_object(data, where)
        known = {f.name for f in fields(cls)}
        found = [f"unknown key {shown(key)}" for key in sorted(values.keys() - known)]
        found += [f"key `{key}` is missing" for key in sorted(known - values.keys() - _OPTIONAL)]
        values = {key: _frozen(value) for key, value in values.items() if key in known}
        if isinstance(ranges := values.get("activations"), dict):
            values["activations"] = {name: _frozen(limits) for name, limits in ranges.items()}
        try:
            values |= _read_calibration(values)
        except ModelError as error:
            found += str(error).split("\n")
            del values["calibration"]
        refuse_any(where, found + _config_problems(values))
        return cls(**values)

    def to_json(self) -> bytes:
        """The content of `config.json`; equal configs give equal bytes.

        Raises:
            ModelError: If `provenance` is not JSON.
        """
        values = self._values() | {"provenance": dict(self.provenance)}
        if self.calibration is not None:
            values["calibration"] = self.calibration.to_dict()
        return json_bytes(values, CONFIG)

    def _values(self) -> dict[str, Any]:
        return {f.name: getattr(self, f.name) for f in fields(self)}


def refuse(where: str | Path, problem: str) -> NoReturn:
    """Raise a ModelError that says where and what."""
    raise ModelError(f"{where}: {problem}")


def shown(value: object) -> str:
    """A value for a message: short, shallow, and without control characters."""
    return _BRIEF.repr(value)


def refuse_any(where: str, problems: Sequence[str]) -> None:
    """Raise one ModelError for all problems, if there are any."""
    if problems:
        # The joining (the first 20 in full) is the same for inputs and for models.
        raise ModelError(str(InputError.from_problems([f"{where}: {text}" for text in problems])))


def version_problem(version: object) -> str:
    """What to say of a `format_version` that is not ours."""
    newer = type(version) is int and version > FORMAT_VERSION
    return (
        f"`format_version`: got {shown(version)}; expected {FORMAT_VERSION}"
        f"{'. A newer version wrote it: update biospan' if newer else ''}"
    )


def json_object(data: bytes, where: str) -> dict[str, Any]:
    """Read a JSON object strictly: no key twice, no NaN, no other type.

    Raises:
        ModelError: If the bytes are anything else.
    """

    def no_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        values = dict(pairs)
        if len(values) < len(pairs):
            twin = max(Counter(key for key, _ in pairs).items(), key=lambda item: item[1])[0]
            raise ValueError(f"key {shown(twin)} is there twice")
        return values

    def no_constant(name: str) -> NoReturn:
        raise ValueError(f"number `{name}` is not JSON")

    try:
        # `ValueError`: not UTF-8, not JSON, or an integer of thousands of digits.
        values = json.loads(
            data.decode("utf-8"), object_pairs_hook=no_twins, parse_constant=no_constant
        )
    except (ValueError, RecursionError) as error:
        refuse(where, f"not JSON that can be read: {error}")
    if not isinstance(values, dict):
        refuse(where, f"got a JSON {type(values).__name__}; expected an object")
    return values


def json_bytes(values: Mapping[str, Any], where: str) -> bytes:
    """Write a JSON object, the same bytes for equal values.

    Raises:
        ModelError: If a value is not JSON.
    """
    try:
        text = json.dumps(values, indent=1, sort_keys=True, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        refuse(where, f"cannot be written as JSON: {error}")
    return text.encode("ascii") + b"\n"


def _read_calibration(values: Mapping[str, Any]) -> dict[str, Any]:
    """The field `calibration` as a value, if it is there."""
    given = values.get("calibration")
    return {} if given is None else {"calibration": Calibration.from_dict(given)}


def _frozen(value: Any) -> Any:
    """Lists, and lists in lists, as tuples; no field has more."""
    if not isinstance(value, list):
        return value
    return tuple(tuple(item) if isinstance(item, list) else item for item in value)


def _config_problems(values: Mapping[str, Any]) -> list[str]:
    """What is wrong with the fields of a config, as far as they are there."""
    found = []
    for name, value in values.items():
        if name == "format_version":
            if not _is_int(value, 1, FORMAT_VERSION):
                found.append(version_problem(value))
        elif not _CONFIG_RULES[name][0](value):
            found.append(f"`{name}`: got {shown(value)}; expected {_CONFIG_RULES[name][1]}")
    if values.get("reading") == "text" and values.get("context") == "document":
        found.append("`context`: got `document`; expected `sentence`, as `reading` is `text`")
    if found or not {"labels", "scheme", *_CRF} <= values.keys():
        return found
    fitted = values.get("calibration")
    if fitted is not None and fitted.labels != values["labels"]:
        return [f"`calibration`: got labels {shown(fitted.labels)}; expected those of `labels`"]
    n_tags = len(TagSet(values["labels"], values["scheme"]).names)
    crf = [values[name] for name in _CRF]
    if all(value is None for value in crf):
        return []
    if any(value is None for value in crf):
        return [f"{', '.join(_CRF)}: got some; expected all of them, or all null"]
    transitions, start, end = crf
    if any(len(row) != n_tags for row in (*transitions, transitions, start, end)):
        return [f"{', '.join(_CRF)}: expected {n_tags} numbers for the {n_tags} tags, in each row"]
    return []


def _is_int(value: Any, low: int, high: int) -> bool:
    return type(value) is int and low <= value <= high


def _is_row(value: Any) -> bool:
    return isinstance(value, tuple) and all(
        type(number) in (int, float) and abs(number) <= MAX_TRANSITION for number in value
    )


def _is_range(value: Any) -> bool:
    return (
        isinstance(value, tuple)
        and len(value) == 2
        and all(type(n) in (int, float) and abs(n) <= _MAX_ACTIVATION for n in value)
        and value[0] < value[1]
    )


def _is_labels(value: Any) -> bool:
    return (
        isinstance(value, tuple)
        and 1 <= len(value) <= _MAX_LABELS
        and all(isinstance(label, str) and is_label(label) for label in value)
        and list(value) == sorted(set(value))
    )


def is_label(text: str) -> bool:
    """Whether a model may have this label."""
    return _LABEL.fullmatch(text) is not None


def _is_inputs(value: Any) -> bool:
    return (
        isinstance(value, tuple)
        and len(value) > 0
        and all(name in INPUT_NAMES for name in value)
        and len(set(value)) == len(value)
    )


def is_piece_id(value: Any) -> bool:
    """Whether a value can be the number of a piece."""
    return _is_int(value, 0, 2**31 - 1)


# Of models that were written before there was such a field.
_OPTIONAL = {"calibration", "activations", "decisions", "reading", "loses_case"}
_CRF = ("transitions", "start_transitions", "end_transitions")


_CONFIG_RULES: dict[str, tuple[Callable[[Any], bool], str]] = {
    "labels": (
        _is_labels,
        f"1 to {_MAX_LABELS} labels, sorted, each once, like `{LABEL_PATTERN}`",
    ),
    "scheme": (lambda value: value in ("IOB2", "IOBES"), "`IOB2` or `IOBES`"),
    "inputs": (_is_inputs, f"names out of {', '.join(INPUT_NAMES)}, each once"),
    "max_pieces": (lambda value: _is_int(value, 16, 8192), "an integer from 16 to 8192"),
    "context": (lambda value: value in ("sentence", "document"), "`sentence` or `document`"),
    "lowercase": (lambda value: isinstance(value, bool), "true or false"),
    **dict.fromkeys(
        ("cls_id", "sep_id", "pad_id", "unk_id"), (is_piece_id, "the number of a piece")
    ),
    "transitions": (
        lambda value: value is None or (isinstance(value, tuple) and all(map(_is_row, value))),
        f"rows of {_NUMBERS}, or null",
    ),
    "start_transitions": (lambda value: value is None or _is_row(value), f"{_NUMBERS}, or null"),
    "end_transitions": (lambda value: value is None or _is_row(value), f"{_NUMBERS}, or null"),
    "calibration": (
        lambda value: value is None or isinstance(value, Calibration),
        "a calibration, or null",
    ),
    "activations": (
        lambda value: (
            value is None or (isinstance(value, Mapping) and all(map(_is_range, value.values())))
        ),
        "pairs of a number and a greater one, by name, or null",
    ),
    "decisions": (lambda value: value in ("units", "words"), "`units` or `words`"),
    "reading": (lambda value: value in ("units", "text"), "`units` or `text`"),
    "loses_case": (lambda value: isinstance(value, bool), "true or false"),
    "provenance": (lambda value: isinstance(value, Mapping), "an object"),
}
