"""What was found in many photos as a file to keep, in the words of the command line: CSV, JSON, or a ZIP of sidecars.

The photos themselves are not asked for: who has the answers sends them, and has them back in form.
"""

import io
import json
import re
import zipfile
from collections.abc import Callable, Coroutine, Sequence
from pathlib import PurePosixPath
from typing import Any, Literal, NamedTuple

from fastapi import APIRouter, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from fastapi.routing import APIRoute
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from hashstagram import Hashtag, SettingError
from hashstagram.choice import MAX_TOP_K
from hashstagram.tagging.rows import csv_file, row
from hashstagram.tagging.sidecars import Origin, sidecar
from hashstagram.web import texts
from hashstagram.web.addresses import EXPORT, SPECIFICATION
from hashstagram.web.problems import Problem
from hashstagram.web.service import Model, Service

MAX_PHOTOS = 50

# Neither what XML cannot hold nor what steers a terminal is part of a word.
_WORD = "^[^\\s#\x00-\x1f\x7f-\x9f\ufffe\uffff]+$"
# Of the name of a photo, which is a stranger's text; control characters and ends of lines.
_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")


class FoundTag(BaseModel):
    """A hashtag as `hashtags` answers it."""

    tag: str = Field(min_length=1, max_length=100, pattern=_WORD, examples=["dog"])
    confidence: float = Field(ge=0, le=1)
    kind: Literal["visible", "companion"]


class FoundInPhoto(BaseModel):
    """The answer for one photo, with the photo's name."""

    photo: str = Field(min_length=1, max_length=255, description="Its file name.", examples=["beach.jpg"])
    model: str = Field(max_length=100, description="The model that answered.", examples=["hashnet"])
    hashtags: list[FoundTag] = Field(max_length=MAX_TOP_K)


class ExportBody(BaseModel):
    """Which file, and what goes into it."""

    format: Literal["csv", "json", "xmp"] = Field(description="`xmp` is a ZIP with a sidecar `photo.jpg.xmp` a photo.")
    photos: list[FoundInPhoto] = Field(min_length=1, max_length=MAX_PHOTOS)


class Found(NamedTuple):
    """A photo's name, and what was found in it by which model."""

    name: str
    model: Model
    hashtags: list[Hashtag]


class _Route(APIRoute):
    """Says what is wrong with a list of photos; elsewhere it is the photo that is missing."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def handled(request: Request) -> Response:
            try:
                return await handle(request)
            except RequestValidationError as error:
                fault = error.errors()[0]
                place = [] if fault["type"] == "json_invalid" else fault["loc"][1:]
                raise _invalid(".".join(map(str, place)) or "body") from error
            except HTTPException as error:  # nested without end, for one
                raise _invalid("body") from error

        return handled


def _invalid(place: str) -> SettingError:
    return SettingError(texts.LIST_INVALID, place=place, specification=SPECIFICATION)


def export_route(service: Service) -> APIRouter:
    """The route that gives found hashtags back as a file, stateless as its sibling."""
    router = APIRouter(route_class=_Route)
    file = {"schema": {"type": "string", "format": "binary"}}
    kinds = {"text/csv": file, "application/json": {}, "application/zip": file}

    @router.post(
        EXPORT,
        response_class=Response,
        responses={
            200: {"description": "The file.", "content": kinds},
            413: {"model": Problem, "description": "The list has too many bytes."},
            422: {"model": Problem, "description": "The list is not as described, or names an unknown model."},
        },
        operation_id="export",
        summary="Found hashtags as a file",
    )
    def export(body: ExportBody) -> Response:
        """CSV, JSON or XMP sidecars of up to 50 answers, as the command line writes them."""
        found = [
            Found(_file_name(photo.photo), service.model(photo.model), [_hashtag(tag) for tag in photo.hashtags])
            for photo in body.photos
        ]
        if body.format == "xmp":
            return _file(_sidecars(found), "application/zip", "sidecars.zip")
        rows = [row(photo.name, photo.model.name, photo.hashtags) for photo in found]
        if body.format == "csv":
            return _file(csv_file(rows), "text/csv; charset=utf-8", "hashtags.csv")
        return _file(f"{json.dumps(rows, indent=1)}\n".encode(), "application/json", "hashtags.json")

    return router


def _hashtag(tag: FoundTag) -> Hashtag:
    return Hashtag(tag.tag, tag.confidence, tag.kind)


def _file(content: bytes, kind: str, name: str) -> Response:
    disposition = f'attachment; filename="{name}"'
    return Response(content, media_type=kind, headers={"Content-Disposition": disposition})


def _file_name(name: str) -> str:
    """The name alone: without folders, so that it leads nowhere, and without control characters."""
    name = _CONTROLS.sub("_", re.split(r"[/\\]", name)[-1])
    return name if name.strip(". ") else "photo"


def _unique(names: Sequence[str]) -> list[str]:
    """The names, with a number where one comes again; many disks tell no capitals apart."""
    taken: set[str] = set()
    unique = []
    for name in names:
        path, number = PurePosixPath(name), 1
        while path.name.casefold() in taken:
            number += 1
            path = path.with_name(f"{PurePosixPath(name).stem} ({number}){path.suffix}")
        taken.add(path.name.casefold())
        unique.append(path.name)
    return unique


def _sidecars(found: Sequence[Found]) -> bytes:
    """A ZIP with the sidecar of each photo."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, photo in zip(_unique([photo.name for photo in found]), found, strict=True):
            archive.writestr(f"{name}.xmp", sidecar(photo.hashtags, Origin(photo.model.id)))
    return content.getvalue()
