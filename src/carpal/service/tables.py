"""What is kept: one table each for readings, children, idempotency keys, tokens, sessions and the audit log. Times are
seconds since 1970.

``migrations/`` makes these tables; a test compares the two.
"""

from __future__ import annotations

from sqlalchemy import (
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    false,
)

__all__ = ["METADATA", "audit", "children", "destinations", "keys", "outbox", "readings", "sessions", "tokens"]

METADATA = MetaData()

# A child is there while a reading of it is. The code is its sender's and is shown only to who may see readings.
children = Table(
    "children",
    METADATA,
    Column("id", String(32), primary_key=True),
    Column("code", String(64), nullable=False, unique=True),
    Column("created_s", Float, nullable=False),
)

# ``claimed_by`` and ``lease_until_s`` say who is at work on a queued reading, ``deaths`` how many workers it cost.
readings = Table(
    "readings",
    METADATA,
    Column("seq", Integer, primary_key=True, autoincrement=True),
    Column("id", String(32), nullable=False, unique=True),
    Column("state", String(8), nullable=False),  # queued, done, refused, failed
    Column("file_sha256", String(64), nullable=False, index=True),
    Column("sex", String(1)),
    Column("age_months", Float),
    Column("accept_anything", Boolean, nullable=False),
    Column("created_by", String(64), nullable=False),
    Column("created_s", Float, nullable=False, index=True),
    Column("finished_s", Float),
    Column("claimed_by", String(64)),
    Column("lease_until_s", Float),
    Column("deaths", Integer, nullable=False),
    Column("result", Text),  # JSON: Reading.to_dict() and the distribution
    Column("problem", Text),  # JSON: why there is no result
    Column("source", String(8), nullable=False, server_default="rest"),  # rest, web, dicom, stow
    Column("is_dicom", Boolean, nullable=False, server_default=false()),
    Column("child_id", String(32), ForeignKey("children.id"), index=True),
    Column("study_date", String(10)),  # as given, like all that is told of the child
    Column("height_cm", Float),
    Column("weight_kg", Float),
    Column("mother_height_cm", Float),
    Column("father_height_cm", Float),
    Column("menarche", Boolean),
    Column("header_sex", String(1)),  # as the file's own header says, known when it was read
    Column("header_age_months", Float),
    Column("header_study_date", String(10)),
    Index("ix_readings_state_seq", "state", "seq"),
    sqlite_autoincrement=True,  # a number is never given twice, so that pages stay where they are
)

keys = Table(
    "idempotency_keys",
    METADATA,
    Column("caller", String(64), primary_key=True),
    Column("key", String(255), primary_key=True),
    Column("reading_id", String(32), ForeignKey("readings.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("request_sha256", String(64), nullable=False),
)

tokens = Table(
    "tokens",
    METADATA,
    Column("id", String(16), primary_key=True),
    Column("name", String(64), nullable=False, unique=True),
    Column("role", String(8), nullable=False),  # reader, admin
    Column("salt", String(32), nullable=False),
    Column("hash", String(128), nullable=False),
    Column("created_s", Float, nullable=False),
    Column("revoked_s", Float),
)

sessions = Table(
    "sessions",
    METADATA,
    Column("hash", String(64), primary_key=True),  # SHA-256 of what the cookie holds
    Column("token_id", String(16), ForeignKey("tokens.id"), nullable=False, index=True),
    Column("created_s", Float, nullable=False),
    Column("seen_s", Float, nullable=False),
)

audit = Table(
    "audit",
    METADATA,
    Column("seq", Integer, primary_key=True, autoincrement=True),
    Column("at_s", Float, nullable=False),
    Column("who", String(64), nullable=False),
    Column("what", String(32), nullable=False),
    Column("reading_id", String(32), index=True),
    Column("model_sha256", String(64)),
    Column("detail", Text),
    sqlite_autoincrement=True,
)

# One row for one document of one reading for one destination, which is named by its URL.
outbox = Table(
    "outbox",
    METADATA,
    Column("seq", Integer, primary_key=True, autoincrement=True),
    Column("reading_id", String(32), ForeignKey("readings.id", ondelete="CASCADE"), nullable=False),
    Column("destination", String(255), nullable=False),
    Column("document", String(16), nullable=False),
    Column("state", String(12), nullable=False),  # new, ready, sent, impossible
    Column("tries", Integer, nullable=False),
    Column("next_s", Float, nullable=False),
    Column("claimed_by", String(64)),
    Column("lease_until_s", Float),
    Column("sent_s", Float),
    Column("last_error", String(255)),
    UniqueConstraint("reading_id", "destination", "document"),
    Index("ix_outbox_state_destination_seq", "state", "destination", "seq"),
)

# Those that have failed: when they are to be tried again.
destinations = Table(
    "destinations",
    METADATA,
    Column("url", String(255), primary_key=True),
    Column("failures", Integer, nullable=False),
    Column("next_s", Float, nullable=False),
    Column("last_error", String(255)),
)
