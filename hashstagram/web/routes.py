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
from hashstagram.web import texts
from hashstagram.web.addresses import HASHTAGS, METRICS, SPECIFICATION
from hashstagram.web.metrics import CONTENT_TYPE
from hashstagram.web.problems import add_handlers, described
from hashstagram.web.service import Answer, Service

_STATIC = Path(__file__).parent / "static"
_METHODS = {HASHTAGS: "POST", SPECIFICATION: "GET"}
_EVERY_METHOD = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
_TOP_K = (1, 30)
_COMPANIONS = (0, 30)


class HashtagBody(BaseModel):
    """A recommended tag, without the #."""

    tag: str = Field(examples=["dog"])
    confidence: float = Field(ge=0, le=1, description="Calibrated: of the tags with 0.8, about 8 in 10 are right.")


class HashtagsBody(BaseModel):
    """The answer for one photo: tags seen in it, the surest first, then tags that are written with those."""

    model: str = Field(description="The model that answered.", examples=["hashnet"])
    hashtags: list[HashtagBody]

    @classmethod
    def of(cls, answer: Answer) -> "HashtagsBody":
        """The body that says this answer."""
        tags = [HashtagBody(tag=tag.tag, confidence=round(tag.confidence, 6)) for tag in answer.hashtags]
        return cls(model=answer.model, hashtags=tags)


class StateBody(BaseModel):
    """The state of the server."""

    status: Literal["ok", "ready", "not ready"]


def add_routes(app: FastAPI, service: Service, examples: Sequence[Path] = ()) -> None:
    """Declare all routes of ours. They come before the page, which would answer every address."""
    app.include_router(_api(service))
    app.include_router(_health(service))
    app.include_router(_metrics(service))
    app.include_router(_files(examples))

    @app.api_route("/api/{path:path}", methods=_EVERY_METHOD, include_in_schema=False)
    async def unknown(request: Request) -> None:
        allowed = _METHODS.get(request.url.path)
        if allowed is None:
            raise HTTPException(HTTPStatus.NOT_FOUND, texts.NOT_FOUND.format(specification=SPECIFICATION))
        message = texts.WRONG_METHOD.format(method=request.method, allowed=allowed)
        raise HTTPException(HTTPStatus.METHOD_NOT_ALLOWED, message, {"Allow": allowed})

    add_handlers(app, {"top_k": _TOP_K, "companions": _COMPANIONS}, service.metrics.refused)


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
        top_k: Annotated[int, Form(ge=_TOP_K[0], le=_TOP_K[1], description="How many hashtags.")] = 5,
        companions: Annotated[
            int,
            Form(
                ge=_COMPANIONS[0],
                le=_COMPANIONS[1],
                description="How many of them, half at most, may be tags that are only written with what is seen.",
            ),
        ] = 2,
    ) -> HashtagsBody:
        """Stateless: the photo is gone when the answer is there."""
        choice = Choice(top_k=top_k, companions=companions)
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
    files = {name: _STATIC / name for name in ("page.js", "icon.svg")}
    for example in examples:
        files[f"examples/{example.name}"] = example
        files["examples/CREDITS.md"] = example.parent / "CREDITS.md"

    @router.api_route("/site/{name:path}", methods=["GET", "HEAD"])
    async def site(name: str) -> FileResponse:
        if name not in files:
            raise HTTPException(HTTPStatus.NOT_FOUND, texts.NOT_FOUND.format(specification=SPECIFICATION))
        kind = "text/plain; charset=utf-8" if name.endswith(".md") else None
        return FileResponse(files[name], media_type=kind, headers={"Cache-Control": "public, max-age=3600"})

    @router.api_route("/favicon.ico", methods=["GET", "HEAD"])
    async def favicon() -> FileResponse:
        return FileResponse(files["icon.svg"], headers={"Cache-Control": "public, max-age=86400"})

    return router
