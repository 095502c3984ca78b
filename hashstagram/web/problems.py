"""What went wrong, as HTTP says it: a status, and `{"code", "message"}` with one sentence for people."""

from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from hashstagram import HashStagramError, PhotoError, PhotoTooLarge, PhotoUnsupported, SettingError
from hashstagram.web import texts
from hashstagram.web.languages import said
from hashstagram.web.service import Busy, Gone

# The first that fits counts.
_KINDS: tuple[tuple[type[Exception], HTTPStatus, str], ...] = (
    (Busy, HTTPStatus.SERVICE_UNAVAILABLE, "busy"),
    (PhotoTooLarge, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "photo_too_large"),
    (PhotoUnsupported, HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "photo_unsupported"),
    (PhotoError, HTTPStatus.BAD_REQUEST, "photo_broken"),
    (SettingError, HTTPStatus.UNPROCESSABLE_ENTITY, "setting_invalid"),
    (Exception, HTTPStatus.INTERNAL_SERVER_ERROR, "internal"),
)
_CODES = {
    HTTPStatus.BAD_REQUEST: "malformed",
    HTTPStatus.NOT_FOUND: "not_found",
    HTTPStatus.METHOD_NOT_ALLOWED: "method_not_allowed",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "photo_too_large",
}
# What nginx, too, writes down for a client that went away before its answer; nobody reads it.
_CLIENT_GONE = 499


class Problem(BaseModel):
    """What was wrong: `code` for programs, `message` for people."""

    code: str = Field(examples=["photo_unsupported"])
    message: str


def problem(
    status: int, code: str, sentence: str, /, headers: Mapping[str, str] | None = None, **values: object
) -> JSONResponse:
    """The answer that says so, in the visitor's language: a `sentence` with its `values`."""
    return JSONResponse({"code": code, "message": said(sentence, **values)}, status, headers)


def assistant_problem(
    status: int, sentence: str, /, headers: Mapping[str, str] | None = None, **values: object
) -> JSONResponse:
    """The answer that says so to an assistant: an error of JSON-RPC, whose codes these are."""
    code = -32600 if status < HTTPStatus.INTERNAL_SERVER_ERROR else -32603
    error = {"code": code, "message": said(sentence, **values)}
    return JSONResponse({"jsonrpc": "2.0", "id": None, "error": error}, status, headers)


def described(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """How the specification of a route describes these failures."""
    responses: dict[int | str, dict[str, Any]] = {
        status: {"model": Problem, "description": texts.STATUSES[str(status)]} for status in statuses
    }
    if 503 in responses:
        seconds = {"description": "When to come back, in seconds.", "schema": {"type": "integer", "minimum": 1}}
        responses[503]["headers"] = {"Retry-After": seconds}
    return responses


def kind(error: Exception) -> tuple[HTTPStatus, str]:
    """The status and the code of what went wrong with a photo."""
    return next((status, code) for kind, status, code in _KINDS if isinstance(error, kind))


def refusal(error: HashStagramError) -> JSONResponse:
    """The answer to a photo that gets no hashtags."""
    status, code = kind(error)
    headers = {"Retry-After": str(error.retry_after)} if isinstance(error, Busy) else None
    return problem(status, code, error.sentence, headers, **error.values)


def add_handlers(
    app: FastAPI, settings: Mapping[str, tuple[str, Mapping[str, int]]], count: Callable[[str], None]
) -> None:
    """Answer every failure this way, and `count` the photos' ones by their codes.

    `settings` are the fields of forms that hold no text, by their names: what is said about a value that cannot be
    used, and which values can.
    """

    async def refused(request: Request, error: Exception) -> Response:
        assert isinstance(error, HashStagramError)  # noqa: S101 - what this handler is registered for
        status, code = kind(error)
        if status == HTTPStatus.INTERNAL_SERVER_ERROR:
            raise error  # it speaks to whoever runs the server
        count(code)
        return refusal(error)

    async def invalid(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)  # noqa: S101 - what this handler is registered for
        for fault in error.errors():
            field = str(fault["loc"][-1])
            if field in settings:
                sentence, wanted = settings[field]
                count("setting_invalid")
                values = {"name": field, "value": fault["input"], **wanted}
                return problem(HTTPStatus.UNPROCESSABLE_ENTITY, "setting_invalid", sentence, **values)
        return problem(HTTPStatus.BAD_REQUEST, "no_photo", texts.NO_PHOTO_FIELD)

    async def failed(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)  # noqa: S101 - what this handler is registered for
        status = HTTPStatus(error.status_code)
        message = texts.MALFORMED if status == HTTPStatus.BAD_REQUEST else error.detail
        return problem(status, _CODES.get(status, "failed"), message, error.headers)

    async def gone(request: Request, error: Exception) -> Response:
        return Response(status_code=_CLIENT_GONE)

    async def broken(request: Request, error: Exception) -> Response:
        count("internal")
        return problem(HTTPStatus.INTERNAL_SERVER_ERROR, "internal", texts.FAILED)

    app.add_exception_handler(HashStagramError, refused)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(HTTPException, failed)
    app.add_exception_handler(Gone, gone)
    app.add_exception_handler(Exception, broken)
