"""A child over REST: its readings, how fast the bone age runs, and the chart."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response
from starlette.concurrency import run_in_threadpool

from carpal.errors import NotFound
from carpal.service import schemas
from carpal.service.common import ABSENT, GONE, PROBLEMS, Id, caller_of, hub_of
from carpal.service.documents import Language, content_key, fetched
from carpal.service.hub import Hub
from carpal.service.making import Chart

__all__ = ["router"]

router = APIRouter()

# What draws it puts style into the file.
_CHART_POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; sandbox"


@router.get("/children/{child_id:id}", response_model=schemas.Child, responses=PROBLEMS | ABSENT)
def get_child(request: Request, child_id: Id) -> JSONResponse:
    """A child's readings, oldest first, and the pace of its bone age."""
    hub = hub_of(request)
    child = hub.store.children.get(child_id)
    hub.store.viewed([r for r in child.readings if r.state != "queued"], caller_of(request).name)
    return JSONResponse(schemas.child_json(child))


@router.get(
    "/children/{child_id:id}/chart.svg",
    response_class=Response,
    responses=PROBLEMS | ABSENT | GONE | {200: {"content": {"image/svg+xml": {}}}},
)
async def get_chart(request: Request, child_id: Id, language: Language = "en") -> Response:
    """Bone age against age with the band of -2 to +2 SD."""
    hub = hub_of(request)
    while True:
        job = await run_in_threadpool(_job, hub, child_id, language)
        data = await fetched(hub, job, job.target)
        try:
            again = await run_in_threadpool(_job, hub, child_id, language)
        except NotFound:  # it was deleted meanwhile, and so must this be
            await run_in_threadpool(hub.store.shelf.clear, child_id)
            raise
        if again == job:
            break
        await run_in_threadpool(job.target.unlink, missing_ok=True)
    child = await run_in_threadpool(hub.store.children.get, child_id)
    await run_in_threadpool(hub.store.viewed, child.readings, caller_of(request).name, "pictured", "chart.svg")
    return Response(data, headers={"content-security-policy": _CHART_POLICY}, media_type="image/svg+xml")


def _job(hub: Hub, child_id: str, language: Language) -> Chart:
    assessment = hub.store.children.get(child_id).assessment
    if assessment is None:
        raise NotFound("no reading of this child has an age and a bone age: there is nothing to draw")
    key = content_key(assessment.to_dict())
    return Chart(assessment, language, hub.store.shelf.path(child_id, f"chart-{language}-{key}.svg"))
