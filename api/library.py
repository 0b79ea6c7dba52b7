"""Documents and collections: what the library holds, taking in, deleting, looking at pages."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO
from urllib.parse import quote

from fastapi import APIRouter, File, Form, Path, Query, Request, UploadFile
from pydantic import BaseModel, Field
from starlette.responses import JSONResponse, Response

from api.gate import Reader, Who, Writer
from api.once import Key, fingerprint, once
from api.problems import ApiError, language_of
from api.shapes import CollectionOut, DocumentOut, Me
from rag.access import rights

if TYPE_CHECKING:
    from rag.engine import Engine

router = APIRouter(tags=["Library"])

_ID_MAX = 2**62
_LONGEST_NAME = 255
_FORM: Any = {"max_files": 1, "max_fields": 10, "max_part_size": 16 * 1024}
DocumentId = Annotated[int, Path(ge=1, le=_ID_MAX)]
PageNumber = Annotated[int, Path(ge=1, le=100_000, description="1-based")]


class Documents(BaseModel):
    data: list[DocumentOut]
    has_more: bool


class Uploaded(BaseModel):
    created: bool = Field(description="false: the same bytes were in that collection already")
    document: DocumentOut


class PageText(BaseModel):
    document_id: int
    page: int
    text: str


@router.get("/me")
def me(request: Request, principal: Who) -> Me:
    """Whom the token belongs to, and what it may do."""
    engine: Engine = request.app.state.engine
    return Me(
        name=principal.name,
        roles=sorted(principal.roles),
        rights=sorted(rights(principal)),
        collections=[c.name for c in engine.collections(principal)],
    )


@router.get("/collections")
def list_collections(request: Request, principal: Who) -> list[CollectionOut]:
    """The collections that may be read."""
    engine: Engine = request.app.state.engine
    return [
        CollectionOut(id=c.id, name=c.name, model=f"wenju/{c.name}") for c in engine.collections(principal)
    ]


@router.get("/documents")
def list_documents(
    request: Request,
    principal: Reader,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
    after: Annotated[
        int | None, Query(ge=1, le=_ID_MAX, description="the last id of the page before")
    ] = None,
    collection: Annotated[str | None, Query(max_length=400)] = None,
    name: Annotated[str | None, Query(max_length=400, description="exactly this file name")] = None,
) -> Documents:
    """Newest first, in pages of ``limit``."""
    engine: Engine = request.app.state.engine
    language = language_of(request.headers)
    found = [
        d
        for d in sorted(engine.documents(principal), key=lambda d: -d.id)
        if (after is None or d.id < after)
        and (collection is None or d.collection == collection)
        and (name is None or d.name == name)
    ]
    return Documents(data=[DocumentOut.of(d, language) for d in found[:limit]], has_more=len(found) > limit)


def uploads(max_bytes: int) -> APIRouter:
    """The one route that takes more than a JSON request may have; counted while it streams in."""
    taking = APIRouter(tags=router.tags, max_body_size=max_bytes, form_limits=_FORM)
    taking.add_api_route(
        "/documents",
        upload,
        methods=["POST"],
        response_model=Uploaded,
        status_code=201,
        responses={200: {"model": Uploaded, "description": "The same bytes were there already"}},
    )
    return taking


def upload(
    request: Request,
    principal: Writer,
    file: Annotated[UploadFile, File(description="PDF, Word or text")],
    collection: Annotated[str, Form(min_length=1, max_length=200)] = "default",
    password: Annotated[str | None, Form(max_length=400, description="of a protected PDF")] = None,
    key: Key = None,
) -> JSONResponse:
    """Stores the file and queues it. It can be asked about once its status is "ready"."""
    engine: Engine = request.app.state.engine
    language = language_of(request.headers)
    name = (file.filename or "").replace("\\", "/").rpartition("/")[2].strip()[-_LONGEST_NAME:]
    if not name:
        raise ApiError(422, "api.no_name")

    def act() -> tuple[int, dict[str, object]]:
        file.file.seek(0)
        added = engine.add_document(
            name, file.file, principal, collection=collection, password=password or None
        )
        request.app.state.wake()
        shown = Uploaded(created=added.created, document=DocumentOut.of(added.document, language))
        return (201 if added.created else 200), shown.model_dump(mode="json")

    sha256 = "" if key is None else fingerprint("upload", name, collection, password, _digest(file.file))
    answer = once(request, principal, key, sha256, act)
    return answer


@router.get("/documents/{document_id}")
def show_document(request: Request, principal: Reader, document_id: DocumentId) -> DocumentOut:
    """Its state, and why it could not be taken in where that is so."""
    engine: Engine = request.app.state.engine
    return DocumentOut.of(engine.document(document_id, principal), language_of(request.headers))


@router.delete("/documents/{document_id}", status_code=204)
def delete_document(request: Request, principal: Writer, document_id: DocumentId) -> Response:
    """Gone from every answer begun afterwards."""
    engine: Engine = request.app.state.engine
    engine.delete_document(document_id, principal)
    return Response(status_code=204)


@router.post("/documents/{document_id}/retry")
def retry_document(
    request: Request,
    principal: Writer,
    document_id: DocumentId,
    password: Annotated[str | None, Form(max_length=400)] = None,
) -> DocumentOut:
    """Queues it again, with a password where it needs one."""
    engine: Engine = request.app.state.engine
    engine.retry_document(document_id, principal, password or None)
    request.app.state.wake()
    return DocumentOut.of(engine.document(document_id, principal), language_of(request.headers))


@router.get(
    "/documents/{document_id}/original",
    response_class=Response,
    responses={200: {"content": {"application/octet-stream": {}}}},
)
def original(request: Request, principal: Reader, document_id: DocumentId) -> Response:
    """The file as it was uploaded."""
    engine: Engine = request.app.state.engine
    document = engine.document(document_id, principal)
    return Response(
        engine.original(document_id, principal),
        media_type="application/octet-stream",
        headers={"Content-Disposition": f"attachment; filename*=UTF-8''{quote(document.name, safe='')}"},
    )


@router.get("/documents/{document_id}/pages/{page}")
def page_text(request: Request, principal: Reader, document_id: DocumentId, page: PageNumber) -> PageText:
    engine: Engine = request.app.state.engine
    for one in engine.document_pages(document_id, principal):
        if one.number == page:
            return PageText(document_id=document_id, page=page, text=one.text)
    raise ApiError(404, "api.no_page", page=page)


@router.get(
    "/documents/{document_id}/pages/{page}/picture",
    response_class=Response,
    responses={200: {"content": {"image/png": {}}}},
)
def page_picture(
    request: Request,
    principal: Reader,
    document_id: DocumentId,
    page: PageNumber,
    width_px: Annotated[int, Query(ge=50, le=3000)] = 1000,
) -> Response:
    """The page as PNG: what a citation's boxes (fractions of the page) lie on."""
    engine: Engine = request.app.state.engine
    document = engine.document(document_id, principal)
    if page > max(1, document.page_count):
        raise ApiError(404, "api.no_page", page=page)
    picture = engine.page_picture(document_id, page, principal, width_px=width_px)
    if picture is None:
        text = f"/v1/documents/{document_id}/pages/{page}"
        raise ApiError(404, "api.no_picture", page=page, text=text)
    return Response(picture, media_type="image/png")


def _digest(stream: BinaryIO) -> str:
    stream.seek(0)
    digest = hashlib.sha256()
    while block := stream.read(1 << 20):
        digest.update(block)
    return digest.hexdigest()
