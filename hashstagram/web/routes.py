"""The stateless API for programs, the health routes for balancers, and the page's own files."""

from collections.abc import Sequence
from http import HTTPStatus
from pathlib import Path
from typing import Annotated, Literal

from fastapi import APIRouter, FastAPI, File, Form, Request, UploadFile
from fastapi.responses import FileResponse, Response
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from hashstagram import Choice
from hashstagram.choice import DEFAULT, MAX_TOP_K
from hashstagram.vocabulary import split_tags
from hashstagram.web import languages, texts
from hashstagram.web.addresses import HASHTAGS, METRICS, SPECIFICATION
from hashstagram.web.exports import export_route
from hashstagram.web.languages import said
from hashstagram.web.metrics import CONTENT_TYPE
from hashstagram.web.problems import add_handlers, described
from hashstagram.web.service import Answer, Service

_STATIC = Path(__file__).parent / "static"
_OWN_FILES = ("copying.js", "page.js", "many.js", "asking.js", "programs.js", "programs.css", "icon.svg")
_SETTINGS: dict[str, tuple[str, dict[str, int]]] = {
    "top_k": (texts.NOT_A_NUMBER, {"least": 1, "most": MAX_TOP_K}),
    "companions": (texts.NOT_A_NUMBER, {"least": 0, "most": MAX_TOP_K}),
    "min_confidence": (texts.NOT_A_SHARE, {}),
    "platform_tags": (texts.NOT_A_SWITCH, {}),
    "variety": (texts.NOT_A_SWITCH, {}),
}


class HashtagBody(BaseModel):
    """A recommended tag, without the #."""

    tag: str = Field(examples=["dog"])
    confidence: float = Field(ge=0, le=1, description="Calibrated: of the tags with 0.8, about 8 in 10 are right.")
    kind: Literal["visible", "companion"] = Field(
        description="Whether the tag is seen in the photo, or written with what is seen."
    )


class HashtagsBody(BaseModel):
    """The answer for one photo: tags that are always to come, tags seen in it, tags that are written with those."""

    model: str = Field(description="The model that answered.", examples=["hashnet"])
    hashtags: list[HashtagBody]

    @classmethod
    def of(cls, answer: Answer) -> "HashtagsBody":
        """The body that says this answer."""
        tags = [HashtagBody(tag=tag.tag, confidence=round(tag.confidence, 6), kind=tag.kind) for tag in answer.hashtags]
        return cls(model=answer.model, hashtags=tags)


class StateBody(BaseModel):
    """The state of the server."""

    status: Literal["ok", "ready", "not ready"]


def add_routes(app: FastAPI, service: Service, examples: Sequence[Path] = ()) -> None:
    """Declare all routes of ours. They come before the page, which would answer every address."""
    app.include_router(_api(service))
    app.include_router(export_route(service))
    app.include_router(_health(service))
    app.include_router(_metrics(service))
    app.include_router(_files(examples))

    add_handlers(app, _SETTINGS, service.metrics.refused)


def _api(service: Service) -> APIRouter:
    router = APIRouter()

    @router.post(
        HASHTAGS,
        responses=described(400, 413, 415, 422, 500, 503),
        operation_id="hashtags",
        summary="Hashtags for a photo",
    )
    async def hashtags(
        request: Request,
        photo: Annotated[UploadFile, File(description="JPEG, PNG, WebP, HEIC, AVIF, GIF, TIFF or BMP.")],
        model: Annotated[str | None, Form(description="Which network answers; the best one if not given.")] = None,
        top_k: Annotated[int, Form(ge=1, le=MAX_TOP_K, description="How many hashtags.")] = DEFAULT.top_k,
        min_confidence: Annotated[
            float, Form(ge=0, le=1, description="Tags that are less sure than this do not come.")
        ] = DEFAULT.min_confidence,
        exclude: Annotated[
            list[str], Form(description="Tags that do not come: commas or spaces between them, or a field for each.")
        ] = [],  # noqa: B006 - FastAPI copies it
        always: Annotated[
            list[str], Form(description="Tags that come first, whatever the photo shows; written as in exclude.")
        ] = [],  # noqa: B006
        platform_tags: Annotated[
            bool, Form(description="Whether tags about the platform, such as instagood, may come.")
        ] = DEFAULT.platform_tags,
        companions: Annotated[
            int,
            Form(
                ge=0,
                le=MAX_TOP_K,
                description="How many of them, half at most, may be tags that are only written with what is seen.",
            ),
        ] = DEFAULT.companions,
        variety: Annotated[
            bool, Form(description="Whether near-synonyms, such as sea and ocean, take two of five places at most.")
        ] = DEFAULT.variety,
    ) -> HashtagsBody:
        """Stateless: the photo is gone when the answer is there."""
        choice = Choice(
            top_k=top_k,
            min_confidence=min_confidence,
            exclude=split_tags(" ".join(exclude)),
            always=split_tags(" ".join(always)),
            platform_tags=platform_tags,
            companions=companions,
            variety=variety,
        )
        answer = await service.recommend(await photo.read(), model, choice, gone=request.is_disconnected)
        request.state.model = answer.model  # for the access log
        return HashtagsBody.of(answer)

    return router


def _health(service: Service) -> APIRouter:
    router = APIRouter()

    @router.get("/healthz", operation_id="healthz", summary="Whether the process is alive")
    async def healthz() -> StateBody:
        """200 as long as the process answers at all."""
        return StateBody(status="ok")

    @router.get(
        "/readyz",
        operation_id="readyz",
        summary="Whether photos may come",
        responses={503: {"model": StateBody, "description": "A model is missing, or the server is about to end."}},
    )
    async def readyz(response: Response) -> StateBody:
        """200 when every model is loaded and warm."""
        if not service.ready:
            response.status_code = HTTPStatus.SERVICE_UNAVAILABLE
            return StateBody(status="not ready")
        return StateBody(status="ready")

    # For balancers that do not want a body.
    router.add_api_route("/healthz", healthz, methods=["HEAD"], include_in_schema=False)
    router.add_api_route("/readyz", readyz, methods=["HEAD"], include_in_schema=False)
    return router


def _metrics(service: Service) -> APIRouter:
    """For Prometheus. The guard says whether anybody may ask."""
    router = APIRouter(include_in_schema=False)

    @router.get(METRICS)
    async def metrics() -> Response:
        return Response(service.metrics.text(), media_type=CONTENT_TYPE)

    return router


def _files(examples: Sequence[Path]) -> APIRouter:
    """The page's own files, each under its name: no path is ever made from an address."""
    router = APIRouter(include_in_schema=False)
    files = {name: _STATIC / name for name in _OWN_FILES}
    for example in examples:
        files[f"examples/{example.name}"] = example
        files["examples/CREDITS.md"] = example.parent / "CREDITS.md"

    @router.api_route("/site/texts.js", methods=["GET", "HEAD"])
    async def scripts_texts() -> Response:
        return Response(languages.script(), media_type="text/javascript", headers={"Cache-Control": "no-cache"})

    @router.api_route("/site/{name:path}", methods=["GET", "HEAD"])
    async def site(name: str) -> FileResponse:
        if name not in files:
            raise HTTPException(HTTPStatus.NOT_FOUND, said(texts.NOT_FOUND, specification=SPECIFICATION))
        kind = "text/plain; charset=utf-8" if name.endswith(".md") else None
        # An old script would ask for texts, and for parts of the page, that there are no more.
        keep = "no-cache" if name.endswith(".js") else "public, max-age=3600"
        return FileResponse(files[name], media_type=kind, headers={"Cache-Control": keep})

    @router.api_route("/favicon.ico", methods=["GET", "HEAD"])
    async def favicon() -> FileResponse:
        return FileResponse(files["icon.svg"], headers={"Cache-Control": "public, max-age=86400"})

    return router
