"""The pages of a subject: what the browser may ask, and what it gets."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from groot_ros.errors import UserError
from groot_ros.viewer.gate import Gate
from groot_ros.viewer.pictures import THUMBNAIL_PX, film_picture
from groot_ros.viewer.sheet import PAGE, STATIC, Sheet
from groot_ros.viewer.subject import Film, Json, Subject

NO_STORE = {"Cache-Control": "no-store"}
# Of films and pictures: an index means another episode once the dataset was edited.
CHECKED = {"Cache-Control": "private, no-cache"}
MOST_FINDINGS = 200
MOST_EDIT_BYTES = 1 << 16


def make_app(
    subject: Subject, hosts: Collection[str] = (), token: str = "", any_address: bool = False
) -> Starlette:
    """The application that shows a subject; `hosts`, `token`, `any_address` as `Gate` has them."""
    pages = _Pages(subject)
    routes: list[BaseRoute] = [
        Route("/", pages.index),
        Route("/api/subject", pages.subject),
        Route("/api/episodes", pages.episodes),
        Route("/api/findings", pages.findings),
        Route("/api/warnings", pages.warnings),
        Route("/api/edits", pages.edits),
        Route("/api/episodes/{index:int}", pages.episode),
        Route("/api/episodes/{index:int}/thumbnail", pages.thumbnail),
        Route("/api/episodes/{index:int}/films/{number:int}", pages.film),
        Route("/api/episodes/{index:int}/films/{number:int}/{frame:int}", pages.picture),
        Route("/api/episodes/{index:int}/edit", pages.edit, methods=["POST"]),
    ]
    return _gated(routes, hosts, token, any_address)


def make_sheet_app(
    read: Callable[[], Sheet],
    hosts: Collection[str] = (),
    token: str = "",
    any_address: bool = False,
) -> Starlette:
    """The application that shows a sheet, read anew whenever the page asks for it."""

    def index(_request: Request) -> Response:
        return FileResponse(PAGE, headers=NO_STORE)

    def sheet(_request: Request) -> Response:
        return _json(read().to_dict())

    return _gated([Route("/", index), Route("/api/sheet", sheet)], hosts, token, any_address)


def _gated(
    routes: list[BaseRoute], hosts: Collection[str], token: str, any_address: bool
) -> Starlette:
    files = Mount("/static", StaticFiles(directory=STATIC))
    gate = Middleware(Gate, hosts=hosts, token=token, any_address=any_address)
    return Starlette(routes=[*routes, files], middleware=[gate], exception_handlers=HANDLERS)


def _told(_request: Request, error: Exception) -> Response:
    return JSONResponse({"error": str(error)}, 422, NO_STORE)


def _absent(_request: Request, _error: Exception) -> Response:
    return JSONResponse({"error": "there is no such episode or film"}, 404, NO_STORE)


def _unread(_request: Request, error: Exception) -> Response:
    assert isinstance(error, OSError)
    sentence = f"{error.filename or 'a file'} cannot be read ({error.strerror}): was it moved?"
    return JSONResponse({"error": sentence}, 422, NO_STORE)


HANDLERS = {UserError: _told, KeyError: _absent, OSError: _unread}


class _Pages:
    """Handlers without `async` run in a thread each."""

    def __init__(self, subject: Subject) -> None:
        self._subject = subject

    def index(self, _request: Request) -> Response:
        return FileResponse(STATIC / "index.html", headers=NO_STORE)

    def subject(self, _request: Request) -> Response:
        return _json(self._subject.describe())

    def episodes(self, _request: Request) -> Response:
        return _json({"episodes": list(self._subject.episodes())})

    def findings(self, request: Request) -> Response:
        """Of the episodes whose numbers are named, at most MOST_FINDINGS."""
        try:
            wanted = [int(text) for text in request.query_params.get("of", "").split(",")]
        except ValueError:
            raise HTTPException(400, "of is no list of numbers of episodes") from None
        return _json({str(index): self._found(index) for index in wanted[:MOST_FINDINGS]})

    def _found(self, index: int) -> Json:
        """An episode that cannot be read does not hide the others."""
        try:
            return self._subject.findings(index)
        except UserError as error:
            return {
                "findings": [{"kind": "unreadable", "text": str(error)}],
                "measures": {},
            }

    def warnings(self, _request: Request) -> Response:
        return _json({"warnings": list(self._subject.warnings())})

    def episode(self, request: Request) -> Response:
        return _json(self._subject.episode(request.path_params["index"]))

    def _film(self, request: Request, number: int) -> Film:
        films = self._subject.films(request.path_params["index"])
        if number >= len(films):
            raise KeyError(number)
        return films[number]

    def film(self, request: Request) -> Response:
        """The file, or the part of it that the header Range names."""
        film = self._film(request, request.path_params["number"])
        if film.stills:
            raise KeyError(film.camera)
        if not film.path.is_file():
            raise UserError(f"{film.path} is missing")
        return FileResponse(film.path, headers=CHECKED, media_type="video/mp4")

    def picture(self, request: Request) -> Response:
        film = self._film(request, request.path_params["number"])
        return _jpeg(film, request.path_params["frame"])

    def thumbnail(self, request: Request) -> Response:
        film = self._film(request, 0)
        return _jpeg(film, (film.frames or 0) // 2, THUMBNAIL_PX)

    def edits(self, _request: Request) -> Response:
        return _json({"edits": self._subject.edits()})

    async def edit(self, request: Request) -> Response:
        body = await _bounded(request)
        try:
            changes = json.loads(body)["changes"]
        except (ValueError, LookupError, TypeError):
            changes = None
        if not isinstance(changes, dict):
            raise HTTPException(400, "an edit is a JSON object with changes")
        edit = self._subject.edit
        return _json(await run_in_threadpool(edit, request.path_params["index"], changes))


async def _bounded(request: Request) -> bytes:
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > MOST_EDIT_BYTES:
            raise HTTPException(413, f"an edit has at most {MOST_EDIT_BYTES} bytes")
    return body


def _jpeg(film: Film, frame: int, width: int = 0) -> Response:
    if film.frames is not None and frame >= max(1, film.frames):
        raise KeyError(frame)
    if not film.path.is_file():
        raise UserError(f"{film.path} is missing")
    return Response(film_picture(film, frame, width), media_type="image/jpeg", headers=CHECKED)


def _json(content: Any) -> Response:
    return JSONResponse(content, headers=NO_STORE)
