"""What requests and answers look like: checked on the way in, documented on the way out.

Bounds that an operator sets (`biospan.server.limits`) are checked where a request is served; here
is what holds always.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

Offsets = Literal["code_points", "utf-16"]
Strategy = Literal["none", "simple", "first", "average", "max"]
Score = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Text = Annotated[str, Field(description="Plain text. Any characters are taken as they are.")]

_EXAMPLE = "IL-2 gene expression requires NF-kappa B."


class _Request(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class TagRequest(_Request):
    """One text or several to tag."""

    model_config = ConfigDict(
        json_schema_extra={
            "oneOf": [{"required": ["text"]}, {"required": ["texts"]}],
            "examples": [
                {"text": _EXAMPLE, "minimum_score": 0.5},
                {"texts": [_EXAMPLE, "T cells"], "labels": ["protein"], "offsets": "utf-16"},
            ],
        }
    )

    text: Text | None = None
    texts: list[Text] | None = None
    labels: Annotated[
        list[Annotated[str, Field(max_length=64)]] | None,
        Field(max_length=256, description="Keep entities of these labels only."),
    ] = None
    minimum_score: Annotated[Score, Field(description="Drop entities that score below it.")] = 0.0
    offsets: Annotated[
        Offsets,
        Field(description="What offsets count: code points, or UTF-16 units as JavaScript."),
    ] = "code_points"
    model: Annotated[
        str | None,
        Field(max_length=64, description="A name that `/v1/labels` lists; by default the first."),
    ] = None

    @model_validator(mode="after")
    def _one_of_both(self) -> "TagRequest":
        if (self.text is None) == (self.texts is None):
            raise ValueError("expected `text` or `texts`, and not both")
        return self

    def all_texts(self) -> list[str]:
        """The texts, be it one or several."""
        return [self.text] if self.text is not None else list(self.texts or ())


class TagResponse(BaseModel):
    """Documents with their entities, in the order of the texts."""

    documents: list[Annotated[dict[str, Any], Field(json_schema_extra={"x-document": True})]]
    model: str
    offsets: Offsets


class HubParameters(_Request):
    """Parameters of Hugging Face's token classification task; unknown ones are refused."""

    aggregation_strategy: Strategy | None = None
    ignore_labels: Annotated[
        list[Annotated[str, Field(max_length=72)]] | None, Field(max_length=512)
    ] = None
    stride: Annotated[int | None, Field(ge=0, le=8192)] = None


class HubRequest(_Request):
    """A request as clients of Hugging Face's Inference API send it."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"inputs": _EXAMPLE, "parameters": {"aggregation_strategy": "simple"}},
                {"inputs": [_EXAMPLE, "T cells"]},
            ]
        }
    )

    inputs: Text | list[Text]
    parameters: HubParameters | None = None
    options: Annotated[dict[str, Any] | None, Field(description="Taken and not looked at.")] = None


class HubItem(BaseModel):
    """A piece (`entity`, `index`) or, with an aggregation strategy, a group (`entity_group`)."""

    entity: str | None = None
    entity_group: str | None = None
    score: float
    index: int | None = None
    word: str
    start: int
    end: int


class Label(BaseModel):
    """A label that a model marks."""

    name: str
    description: str | None


class ModelInfo(BaseModel):
    """A model that this server runs."""

    name: str
    fingerprint: Annotated[str, Field(description="Equal fingerprints give equal answers.")]
    labels: list[Label]


class FormatInfo(BaseModel):
    """A format of files: its name for `from` and `to`, and how HTTP calls it."""

    name: str
    suffix: str
    media_type: str
    reads: bool
    writes: bool


class LimitInfo(BaseModel):
    """What a request may hold."""

    body_bytes: int
    texts: int
    documents: int
    text_characters: int
    json_depth: int
    deadline_s: float


class LabelsResponse(BaseModel):
    """What this server can do. The first model is the one that is used by default."""

    version: str
    models: list[ModelInfo]
    limits: LimitInfo
    formats: list[FormatInfo]


class ProblemBody(BaseModel):
    """Why a request was not served."""

    model_config = ConfigDict(extra="allow")

    code: Annotated[str, Field(description="For programs; stable.")]
    message: Annotated[str, Field(description="For people; repeats nothing of the request.")]
    pointer: Annotated[str | None, Field(description="JSON Pointer to the field.")] = None
    limit: Annotated[float | None, Field(description="The bound that was passed.")] = None
