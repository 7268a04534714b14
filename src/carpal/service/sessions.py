"""Sessions of browsers: a token opens one, a cookie carries it on. Kept is only the hash of what the cookie holds."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import time
from dataclasses import dataclass

from sqlalchemy import ColumnElement, and_, delete, insert, or_, select, update

from carpal.errors import Unauthenticated
from carpal.service import tables
from carpal.service.audit import add_entry
from carpal.service.database import Database
from carpal.service.tokens import Caller

__all__ = ["Session", "Sessions", "cookie_name"]

_S, _T = tables.sessions, tables.tokens
_KEY = re.compile(r"[A-Za-z0-9_-]{43}")  # 256 bits
_LONGEST_S = 12 * 3600.0
_IDLE_S = 3600.0
_NOTED_S = 60.0  # that somebody is still there is written down once a minute, not with every request


@dataclass(frozen=True)
class Session:
    """Who came in, and what each of its requests that changes something must bring (``proof``)."""

    caller: Caller
    csrf: str


class Sessions:
    """The sessions of a store. One ends by itself after 12 hours, or 60 minutes in which it was not used, and with the
    token that opened it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def open(self, caller: Caller, before: str | None = None) -> tuple[str, Session]:
        """What the cookie of a new session holds, and the session. Nothing that was sent goes into it; the session
        whose cookie holds ``before``, if there is one, ends. Raises Unauthenticated where the caller's token was
        revoked just now."""
        key, now = secrets.token_urlsafe(32), time.time()
        with self._database.writing() as connection:
            live = (_T.c.name == caller.name) & _T.c.revoked_s.is_(None)
            token_id = connection.execute(select(_T.c.id).where(live)).scalar()
            if token_id is None:
                raise Unauthenticated("this token was revoked just now")
            over = or_(_S.c.created_s <= now - _LONGEST_S, _S.c.seen_s <= now - _IDLE_S, _S.c.hash == _hash(before))
            connection.execute(delete(_S).where(over))
            values = {"hash": _hash(key), "token_id": token_id, "created_s": now, "seen_s": now}
            connection.execute(insert(_S).values(values))
            add_entry(connection, caller.name, "logged in")
        return key, Session(caller, _csrf(key))

    def find(self, key: str | None, in_use: bool = True) -> Session | None:
        """The session whose cookie holds ``key``, which is ``in_use`` again herewith unless a page asks by itself; None
        where there is none."""
        if key is None or not _KEY.fullmatch(key):
            return None
        now = time.time()
        wanted = select(_T.c.name, _T.c.role, _S.c.seen_s).join_from(_S, _T).where(_S.c.hash == _hash(key), _live(now))
        with self._database.reading() as connection:
            row = connection.execute(wanted).mappings().first()
        if row is None:
            return None
        if in_use and now - row["seen_s"] > _NOTED_S:
            with self._database.writing() as connection:
                connection.execute(update(_S).where(_S.c.hash == _hash(key)).values(seen_s=now))
        return Session(Caller(row["name"], row["role"]), _csrf(key))

    def close(self, key: str, who: str) -> None:
        """Log out."""
        with self._database.writing() as connection:
            if connection.execute(delete(_S).where(_S.c.hash == _hash(key))).rowcount:
                add_entry(connection, who, "logged out")


def cookie_name(tls: bool) -> str:
    """Under TLS with the prefix by which a browser takes it from this very host over TLS only."""
    return "__Host-carpal_session" if tls else "carpal_session"


def _live(now: float) -> ColumnElement[bool]:
    return and_(_S.c.created_s > now - _LONGEST_S, _S.c.seen_s > now - _IDLE_S, _T.c.revoked_s.is_(None))


def _hash(key: str | None) -> str:
    # Of 256 random bits: there is nothing to guess, so that it need not be slow.
    return hashlib.sha256((key or "").encode()).hexdigest()


def _csrf(key: str) -> str:
    """Tells nothing of the key, which scripts do not see, and belongs to this session only."""
    return hmac.new(key.encode(), b"csrf", hashlib.sha256).hexdigest()
