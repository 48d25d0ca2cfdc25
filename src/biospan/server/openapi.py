"""The description of the API: what FastAPI knows of the routes, and what it cannot know.

That is the form of a document, which is the JSON Schema of JSON lines; the limits an operator set;
bodies that are files; and the one form of all errors.
"""

import json
from collections.abc import Callable, Iterator
from typing import Any

from fastapi import FastAPI

from biospan.formats import jsonl
from biospan.server import media, schemas
from biospan.server.limits import Limits

_REF = "#/components/schemas/"
_STATUSES = {
    "post": {
        "400": "The body is not UTF-8.",
        "408": "The body came too slowly.",
        "413": "The body is too large.",
        "415": "The body is of another type than is expected.",
        "422": "The body, or a parameter, is not as it should be.",
        "429": "Too much is waiting; see `Retry-After`.",
        "503": "The server starts or stops; see `Retry-After`.",
        "504": "It was not done in time.",
    },
    "get": {"503": "The server starts or stops; see `Retry-After`."},
}
_ALWAYS = {
    "401": "No key, or a wrong one.",
    "403": "A page of another origin asks.",
    "421": "The server is not called so (`Host`).",
}
_EXAMPLES = {
    "jsonl": '{"id": "1", "text": "IL-2 gene", "entities": [[0, 4, "protein"]]}\n',
    "txt": "IL-2 gene expression requires NF-kappa B.",
    "pubtator": "1|t|IL-2 gene\n1|a|It is expressed.\n1\t0\t4\tIL-2\tprotein\n",
}
FILES = ("/v1/documents", "/v1/convert")
PROBES = ("/livez", "/readyz")


def describing(app: FastAPI, limits: Limits) -> Callable[[], dict[str, Any]]:
    """What takes the place of `app.openapi`."""
    generate = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _completed(generate(), limits)
        return app.openapi_schema

    return openapi


def _completed(described: dict[str, Any], limits: Limits) -> dict[str, Any]:
    components = described["components"]
    known = components["schemas"]
    for name in ("HTTPValidationError", "ValidationError"):
        known.pop(name, None)
    known["Problem"] = schemas.ProblemBody.model_json_schema()
    _add_document(known)
    _bound(known, limits)
    components["securitySchemes"] = {
        "key": {"type": "http", "scheme": "bearer", "description": "Where the operator set a key."}
    }
    described["security"] = [{}, {"key": []}]
    for path, method, operation in _operations(described):
        if path in PROBES:
            operation["security"] = []
        told = {} if path in PROBES else _ALWAYS
        for status, description in sorted({**told, **_STATUSES[method]}.items()):
            operation["responses"][status] = _problem(description)
        if path in FILES:
            _describe_files(operation)
    return described


def _operations(described: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, item in described["paths"].items():
        for method, operation in item.items():
            yield path, method, operation


def _problem(description: str) -> dict[str, Any]:
    content = {"application/json": {"schema": {"$ref": f"{_REF}Problem"}}}
    return {"description": description, "content": content}


def _add_document(known: dict[str, Any]) -> None:
    """Put the schema of documents where the others are."""
    text = jsonl.SCHEMA.read_text(encoding="utf-8").replace('"#/$defs/', f'"{_REF}document-')
    document = json.loads(text)
    for name, part in document.pop("$defs").items():
        known[f"document-{name}"] = part
    for key in ("$schema", "$id"):
        document.pop(key)
    known["Document"] = document
    known["TagResponse"]["properties"]["documents"]["items"] = {"$ref": f"{_REF}Document"}


def _bound(known: dict[str, Any], limits: Limits) -> None:
    """Write the operator's limits into the schemas of requests."""
    tag = known["TagRequest"]["properties"]
    tag["text"]["anyOf"][0]["maxLength"] = limits.text_characters
    several = tag["texts"]["anyOf"][0]
    several["maxItems"] = limits.texts
    several["items"]["maxLength"] = limits.text_characters
    text, texts = known["HubRequest"]["properties"]["inputs"]["anyOf"]
    text["maxLength"] = texts["items"]["maxLength"] = limits.text_characters
    texts["maxItems"] = limits.texts


def _describe_files(operation: dict[str, Any]) -> None:
    named = {
        "from": [name for name in media.MEDIA if media.usable(name, reading=True)],
        "to": [name for name in media.MEDIA if media.usable(name, reading=False)],
    }
    for parameter in operation["parameters"]:
        if parameter["name"] in named:
            parameter["schema"] = {"type": "string", "enum": named[parameter["name"]]}
    bodies: dict[str, Any] = {}
    answers: dict[str, Any] = {}
    for name, item in media.MEDIA.items():
        content: dict[str, Any] = {"schema": {"type": "string"}}
        if name in _EXAMPLES:
            content["example"] = _EXAMPLES[name]
        if media.usable(name, reading=True):
            bodies.setdefault(item.media_type, content)
        if media.usable(name, reading=False):
            answers.setdefault(item.media_type, {"schema": {}})
    operation["requestBody"] = {"required": False, "content": bodies}
    operation["responses"]["200"] = {
        "description": "The file, as a download.",
        "headers": {
            "Biospan-Not-Kept": {
                "schema": {"type": "string"},
                "description": "How much of what the format has no place for.",
            }
        },
        "content": answers,
    }
    operation["responses"]["406"] = _problem("There is no such format to write.")
