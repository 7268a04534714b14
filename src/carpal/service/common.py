"""What the routes have in common: the parts of the service, the caller, and how refusals are described."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Path, Request
from starlette.convertors import Convertor, register_url_convertor

from carpal.service.hub import Hub
from carpal.service.tokens import Caller

__all__ = ["ABSENT", "GONE", "MALFORMED", "PROBLEM", "PROBLEMS", "Id", "caller_of", "hub_of"]

PROBLEM = {"content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}}
PROBLEMS: dict[int | str, dict[str, Any]] = {
    401: PROBLEM | {"description": "no token and no session, or none that is known"},
    403: PROBLEM | {"description": "the role does not allow it, another site's page asks, or X-CSRF-Token is missing"},
    422: PROBLEM | {"description": "what was sent cannot be meant, cannot be read or is refused"},
    429: PROBLEM | {"description": "too many requests; Retry-After says when to come back"},
    503: PROBLEM | {"description": "too much to do; Retry-After says when to come back"},
}
MALFORMED: dict[int | str, dict[str, Any]] = {400: PROBLEM | {"description": "the body cannot be understood"}}
ABSENT: dict[int | str, dict[str, Any]] = {404: PROBLEM | {"description": "there is no such thing"}}
GONE: dict[int | str, dict[str, Any]] = {410: PROBLEM | {"description": "it would be read otherwise now than it was"}}


class _IdConvertor(Convertor[str]):
    regex = "[0-9a-f]{32}"

    def convert(self, value: str) -> str:
        return value

    def to_string(self, value: str) -> str:
        return value


# Paths with {...:id}: whatever is no id is another place, and not there.
register_url_convertor("id", _IdConvertor())
Id = Annotated[str, Path(pattern="^[0-9a-f]{32}$")]


def hub_of(request: Request) -> Hub:
    """The parts of the running service."""
    return request.app.state.hub


def caller_of(request: Request) -> Caller:
    """Whoever sent the request; ``guard`` has let it in."""
    return request.scope["state"]["caller"]
