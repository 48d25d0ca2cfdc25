"""The routes of the API: parse, ask a model or a format, answer."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.routing import APIRoute
from starlette.responses import Response

from biospan.document import Document
from biospan.errors import InputError
from biospan.server import files, media, schemas, strict_json
from biospan.server import hub as hub_items
from biospan.server.labels import describe
from biospan.server.offsets import in_utf16
from biospan.server.problems import Problem, json_response, place, pointer
from biospan.server.service import Service

ReadAs = Annotated[
    str | None, Query(alias="from", max_length=32, description="Format of the body, by name.")
]
WriteAs = Annotated[str | None, Query(max_length=32, description="Format of the answer, by name.")]


def tagging(service: Service) -> APIRouter:
    """`/v1/tag`: texts in, documents out, both in JSON."""
    router = APIRouter(route_class=strict_route(service))

    @router.post("/v1/tag", response_model=schemas.TagResponse, tags=["tag"])
    async def tag(request: schemas.TagRequest) -> Response:
        """Mark the entities of one text (`text`) or several (`texts`)."""
        model = service.model(request.model)
        texts = request.all_texts()
        several = request.text is None
        _check_texts(texts, service, "texts" if several else "text", several=several)
        wanted = _checked_labels(request.labels, model.tagger.labels)
        documents = await model.tag([Document(text) for text in texts])
        found = [document.with_labels(wanted, request.minimum_score) for document in documents]
        data = [document.to_dict() for document in found]
        if request.offsets == "utf-16":
            data = [in_utf16(item) for item in data]
        return json_response({"documents": data, "model": model.name, "offsets": request.offsets})

    return router


def hub(service: Service) -> APIRouter:
    """`POST /`: what clients of Hugging Face's Inference API ask."""
    router = APIRouter(route_class=strict_route(service))

    @router.post(
        "/", response_model=list[schemas.HubItem] | list[list[schemas.HubItem]], tags=["tag"]
    )
    async def classify(request: schemas.HubRequest) -> Response:
        """Token classification as `huggingface_hub.InferenceClient` asks for it."""
        model = service.model(None)
        several = isinstance(request.inputs, list)
        texts = request.inputs if isinstance(request.inputs, list) else [request.inputs]
        _check_texts(texts, service, "inputs", several=several)
        parameters = request.parameters or schemas.HubParameters()
        try:
            found = await model.work(
                lambda tagger: [hub_items.classify(tagger, text, parameters) for text in texts],
                sum(map(len, texts)),
            )
        except InputError:
            raise Problem(422, "untaggable", "the tokenizer failed on a text") from None
        return json_response(found if several else found[0])

    return router


def filing(service: Service) -> APIRouter:
    """`/v1/documents` and `/v1/convert`: a file in, a file out, each in a format of its own."""
    router = APIRouter()
    pool = ThreadPoolExecutor(2, thread_name_prefix="biospan-files")

    async def documents_of(request: Request, named: str | None) -> list[Document]:
        format = media.source(named, request.headers.get("content-type"))
        body = await request.body()
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(pool, files.read, body, format, service.limits.documents)

    async def answer(documents: list[Document], format: str) -> Response:
        loop = asyncio.get_running_loop()
        data, lost = await loop.run_in_executor(pool, files.write, documents, format)
        return _file(data, format, lost)

    @router.post("/v1/convert", tags=["files"])
    async def convert(request: Request, from_: ReadAs = None, to: WriteAs = None) -> Response:
        """Write the documents of a file in another format, with the entities that they have."""
        format = media.target(to, request.headers.get("accept"))
        return await answer(await documents_of(request, from_), format)

    @router.post("/v1/documents", tags=["files"])
    async def tag_documents(
        request: Request,
        from_: ReadAs = None,
        to: WriteAs = None,
        label: Annotated[list[str] | None, Query(max_length=256)] = None,
        minimum_score: Annotated[float, Query(ge=0, le=1, allow_inf_nan=False)] = 0.0,
        model: Annotated[str | None, Query(max_length=64)] = None,
    ) -> Response:
        """Mark the entities of a file's documents; those that they have are replaced."""
        format = media.target(to, request.headers.get("accept"))
        chosen = service.model(model, parameter="model")
        wanted = _checked_labels(label, chosen.tagger.labels, parameter="label")
        documents = await documents_of(request, from_)
        _check_texts([document.text for document in documents], service)
        tagged = await chosen.tag(documents)
        return await answer([d.with_labels(wanted, minimum_score) for d in tagged], format)

    return router


def telling(service: Service) -> APIRouter:
    """`/v1/labels`: what there is to ask for."""
    router = APIRouter()

    @router.get("/v1/labels", response_model=schemas.LabelsResponse, tags=["tag"])
    async def labels() -> Response:
        """Models with their labels, limits, and formats."""
        service.check_ready()
        limits = service.limits
        names = schemas.LimitInfo.model_fields
        return json_response(
            {
                "version": version("biospan"),
                "models": [
                    {
                        "name": name,
                        "fingerprint": model.tagger.fingerprint,
                        "labels": describe(model.tagger),
                    }
                    for name, model in service.models.items()
                ],
                "limits": {field: getattr(limits, field) for field in names},
                "formats": [
                    {
                        "name": name,
                        "suffix": item.suffix,
                        "media_type": item.media_type,
                        "reads": item.reads,
                        "writes": media.writes(name),
                    }
                    for name, item in media.MEDIA.items()
                    if media.is_there(name)
                ],
            }
        )

    return router


def strict_route(service: Service) -> type[APIRoute]:
    """A kind of route that takes JSON, reads it strictly, and takes nothing else."""

    class StrictRequest(Request):
        async def json(self) -> Any:
            return strict_json.loads(await self.body(), depth=service.limits.json_depth)

    class StrictRoute(APIRoute):
        def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
            handler = super().get_route_handler()

            async def handle(request: Request) -> Response:
                if media.content(request.headers.get("content-type")) != "application/json":
                    raise Problem(415, "not_json", "`Content-Type`: expected `application/json`")
                return await handler(StrictRequest(request.scope, request.receive))

            return handle

    return StrictRoute


def _check_texts(
    texts: Sequence[str], service: Service, field: str = "", *, several: bool = True
) -> None:
    """Refuse too many texts, and texts that are too long.

    Args:
        texts: Of a request.
        service: For its limits.
        field: Where they are in a body of JSON; empty for those of a file.
        several: Whether the field is a list of them.

    Raises:
        Problem: 422.
    """
    limits = service.limits
    if field and len(texts) > limits.texts:
        raise Problem(
            422,
            "too_many",
            f"more than {limits.texts} texts",
            pointer=pointer([field]),
            limit=limits.texts,
        )
    for number, text in enumerate(texts):
        if len(text) > limits.text_characters:
            raise Problem(
                422,
                "too_long",
                f"text {number + 1} has more than {limits.text_characters} characters",
                **(place([field, number] if several else [field]) if field else {}),
                limit=limits.text_characters,
            )


def _checked_labels(
    wanted: Sequence[str] | None, known: Sequence[str], parameter: str = ""
) -> set[str]:
    if wanted is None:
        return set(known)
    for number, label in enumerate(wanted):
        if label not in known:
            raise Problem(
                422,
                "unknown_label",
                f"expected one of {', '.join(known)}",
                **place(["labels", number], parameter),
            )
    return set(wanted)


def _file(data: bytes, format: str, lost: dict[str, int]) -> Response:
    item = media.MEDIA[format]
    headers = {"Content-Disposition": f'attachment; filename="biospan.{item.suffix}"'}
    if lost:
        headers["Biospan-Not-Kept"] = ", ".join(f"{count} {what}" for what, count in lost.items())
    text = item.media_type.startswith("text/") or item.media_type.endswith("xml")
    kind = item.media_type + ("; charset=utf-8" if text else "")
    return Response(data, 200, headers, media_type=kind)
