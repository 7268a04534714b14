"""STOW-RS (PS3.18 10.5): DICOM objects by POST, as many as fit into one request. What is stored is a radiograph to be
read, nothing else: there is no retrieving it here."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Annotated, Any

from fastapi import APIRouter, Path, Request
from fastapi.responses import JSONResponse
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

from carpal.errors import ComeBackLater, ServiceRefusal
from carpal.service.common import PROBLEM, PROBLEMS, caller_of, hub_of
from carpal.service.incoming import while_there_is_room
from carpal.service.multipart import Part, Parts, media_type, new_file
from carpal.service.reception import Expected, Receipt

__all__ = ["router"]

router = APIRouter()

_PARTS = 1000
_DICOM = "application/dicom"
_JSON = "application/dicom+json"
_ANSWER: dict[str, Any] = {"content": {_JSON: {"schema": {"type": "object"}}}}
_RESPONSES: dict[int | str, dict[str, Any]] = PROBLEMS | {
    200: _ANSWER | {"description": "every object is stored, or is no hand radiograph and passed over"},
    202: _ANSWER | {"description": "some are, some are refused: FailedSOPSequence says which and why"},
    409: _ANSWER | {"description": "every object is refused"},
    400: PROBLEM | {"description": "the body cannot be understood"},
    406: PROBLEM | {"description": "the answer is DICOM JSON and nothing else"},
    408: PROBLEM | {"description": "the body did not arrive in time"},
    413: PROBLEM | {"description": "too many bytes or parts"},
    415: PROBLEM | {"description": "not DICOM objects"},
    422: PROBLEM | {"description": "the study is no UID"},
}
_BINARY = {"type": "string", "format": "binary"}
_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {"multipart/related": {"schema": _BINARY}, _DICOM: {"schema": _BINARY}},
    }
}


@router.post("/studies", responses=_RESPONSES, openapi_extra=_BODY)
async def store_instances(request: Request) -> JSONResponse:
    """Store DICOM objects; hand radiographs among them will be read."""
    return await _store(request, None)


@router.post("/studies/{study}", responses=_RESPONSES, openapi_extra=_BODY)
async def store_instances_of(
    request: Request, study: Annotated[str, Path(pattern="^[0-9.]+$", max_length=64)]
) -> JSONResponse:
    """Store DICOM objects of one study; those of another are refused."""
    return await _store(request, study)


async def _store(request: Request, study: str | None) -> JSONResponse:
    _check_accept(request.headers.get("accept", "*/*"))
    reception, who, receipts = hub_of(request).reception, caller_of(request).name, []
    async with aclosing(_parts(request)) as parts:
        async for part in parts:
            with part.file:
                if part.content_type and media_type(part.content_type).name != _DICOM:
                    raise HTTPException(415, f"each part must be {_DICOM}")
                expected = Expected(study_uid=study)
                receipts.append(await run_in_threadpool(reception.take, part.file, who, "stow", expected))
    if not receipts:
        raise ServiceRefusal("there is no DICOM object in the request")
    return _answer(receipts)


def _check_accept(accept: str) -> None:
    wanted = {media_type(each).name for each in accept.split(",")}
    if not wanted & {_JSON, "application/json", "application/*", "*/*"}:
        raise HTTPException(406, f"the answer is {_JSON}")


async def _parts(request: Request) -> AsyncGenerator[Part, None]:
    """Each DICOM object as soon as it is here. A single one may come without any multipart around it."""
    kind = media_type(request.headers.get("content-type", ""))
    if kind.name == _DICOM:
        yield await _single(request)
        return
    if kind.name != "multipart/related" or kind.parameters.get("type", _DICOM).lower() != _DICOM:
        raise HTTPException(415, f'send multipart/related; type="{_DICOM}", or one object as {_DICOM}')
    if not kind.parameters.get("boundary"):
        raise ServiceRefusal("the Content-Type names no boundary")
    parts = Parts(kind.parameters["boundary"], _PARTS)
    try:
        async for chunk in request.stream():
            with while_there_is_room():
                complete = parts.feed(chunk)
            for part in complete:
                yield part
        parts.end()
    finally:
        parts.close()


async def _single(request: Request) -> Part:
    part = Part(new_file(), _DICOM)
    try:
        async for chunk in request.stream():
            with while_there_is_room():
                part.file.write(chunk)
    except BaseException:
        part.file.close()
        raise
    return part


def _answer(receipts: list[Receipt]) -> JSONResponse:
    """What was stored and what was not, and why (PS3.18 10.5.3). Raises ComeBackLater where nothing was stored because
    there is too much to do now."""
    errors = [receipt.error for receipt in receipts if receipt.error is not None]
    if len(errors) == len(receipts) and isinstance(errors[0], ComeBackLater):
        raise errors[0]
    stored = [_named(receipt) for receipt in receipts if receipt.error is None]
    failed = [_failure(receipt) for receipt in receipts if receipt.error is not None and receipt.instance is not None]
    unnamed = [_failure(receipt) for receipt in receipts if receipt.error is not None and receipt.instance is None]
    body: dict[str, Any] = {"00081190": {"vr": "UR"}}  # RetrieveURL: nothing can be retrieved
    for tag, items in (("00081199", stored), ("00081198", failed), ("0008119A", unnamed)):
        if items:
            body[tag] = {"vr": "SQ", "Value": items}
    status = 200 if not errors else 202 if stored else 409
    return JSONResponse(body, status, media_type=_JSON)


def _named(receipt: Receipt) -> dict[str, Any]:
    if receipt.instance is None:
        return {}
    return {
        "00081150": {"vr": "UI", "Value": [receipt.instance.sop_class_uid]},
        "00081155": {"vr": "UI", "Value": [receipt.instance.sop_instance_uid]},
    }


def _failure(receipt: Receipt) -> dict[str, Any]:
    """With FailureReason, whose values are those of C-STORE."""
    assert receipt.error is not None
    return _named(receipt) | {"00081197": {"vr": "US", "Value": [receipt.error.dicom_status]}}
