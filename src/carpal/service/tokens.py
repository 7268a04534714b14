"""Who may come in. A token is shown once, when it is made; kept is only its scrypt hash."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import threading
import time
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import insert, select, update

from carpal.errors import InvalidArgument, NotFound, Unauthenticated
from carpal.service import tables
from carpal.service.audit import add_entry
from carpal.service.database import Database

__all__ = ["ROLES", "Caller", "Role", "TokenFacts", "Tokens"]

Role = Literal["reader", "admin"]
ROLES: tuple[Role, ...] = ("reader", "admin")

_T = tables.tokens
_TOKEN = re.compile(r"carpal_([0-9a-f]{16})_([A-Za-z0-9_-]{43})")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._@-]{0,62}")
_REMEMBERED = 1000
_UNKNOWN = "this token is not known"


@dataclass(frozen=True)
class Caller:
    """Whoever sends a request."""

    name: str
    role: Role


@dataclass(frozen=True)
class TokenFacts:
    """What may be shown of a token."""

    name: str
    role: str
    created_s: float
    revoked_s: float | None


class Tokens:
    """The tokens of a store."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = threading.Lock()
        # scrypt is slow on purpose: which tokens were right is remembered, by a digest, for as long as the server runs.
        # Whether they still count is asked of the database every time.
        self._right: dict[bytes, str] = {}

    def add(self, name: str, role: str, who: str) -> str:
        """A new token, to be handed over: it cannot be shown again. Raises InvalidArgument."""
        if role not in ROLES:
            raise InvalidArgument(f"{role!r} is no role: give {' or '.join(ROLES)}")
        if not _NAME.fullmatch(name):
            raise InvalidArgument(f"{name!r} is no name for a token: letters, digits, spaces and ._@- up to 63")
        token_id, secret, salt = secrets.token_hex(8), secrets.token_urlsafe(32), secrets.token_hex(16)
        with self._database.writing() as connection:
            if connection.execute(select(_T.c.id).where(_T.c.name == name)).first():
                raise InvalidArgument(f"there is, or was, a token called {name!r}: choose another name")
            values = {"id": token_id, "name": name, "role": role, "salt": salt, "hash": _hash(secret, salt)}
            connection.execute(insert(_T).values(values | {"created_s": time.time()}))
            add_entry(connection, who, "token added", detail=f"{name} ({role})")
        return f"carpal_{token_id}_{secret}"

    def revoke(self, name: str, who: str) -> None:
        """From now on the token opens nothing. Raises NotFound."""
        with self._database.writing() as connection:
            live = (_T.c.name == name) & _T.c.revoked_s.is_(None)
            if not connection.execute(update(_T).where(live).values(revoked_s=time.time())).rowcount:
                raise NotFound(f"there is no token called {name!r}, or it is revoked already")
            add_entry(connection, who, "token revoked", detail=name)

    def all(self) -> list[TokenFacts]:
        """Every token there ever was, oldest first."""
        with self._database.reading() as connection:
            columns = (_T.c.name, _T.c.role, _T.c.created_s, _T.c.revoked_s)
            return [TokenFacts(*row) for row in connection.execute(select(*columns).order_by(_T.c.created_s))]

    def exist(self) -> bool:
        """Whether one was ever made: from then on nobody comes in without."""
        with self._database.reading() as connection:
            return connection.execute(select(_T.c.id).limit(1)).first() is not None

    def remembered(self, token: str) -> bool:
        """Whether ``caller`` will answer at once, without the slow hash."""
        return _digest(token) in self._right

    def caller(self, token: str) -> Caller:
        """Whose token it is. Raises Unauthenticated."""
        match = _TOKEN.fullmatch(token)
        if match is None:
            raise Unauthenticated(_UNKNOWN)
        with self._database.reading() as connection:
            row = connection.execute(select(_T).where(_T.c.id == match[1])).mappings().first()
        if row is None or row["revoked_s"] is not None:
            raise Unauthenticated(_UNKNOWN)
        if self._right.get(_digest(token)) != row["id"]:
            if not hmac.compare_digest(_hash(match[2], row["salt"]), row["hash"]):
                raise Unauthenticated(_UNKNOWN)
            self._remember(token, row["id"])
        return Caller(row["name"], row["role"])

    def _remember(self, token: str, token_id: str) -> None:
        with self._lock:
            if len(self._right) >= _REMEMBERED:
                self._right.clear()
            self._right[_digest(token)] = token_id


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


def _hash(secret: str, salt: str) -> str:
    # 16 MiB and some 50 ms: RFC 7914's parameters for interactive use.
    return hashlib.scrypt(secret.encode(), salt=bytes.fromhex(salt), n=2**14, r=8, p=1, dklen=64).hex()
