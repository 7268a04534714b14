"""The first tables: readings, idempotency keys, tokens, and an audit log to which one can only add."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make them."""
    _readings()
    op.create_table(
        "idempotency_keys",
        sa.Column("caller", sa.String(64), primary_key=True),
        sa.Column("key", sa.String(255), primary_key=True),
        sa.Column("reading_id", sa.String(32), sa.ForeignKey("readings.id", ondelete="CASCADE"), nullable=False),
        sa.Column("request_sha256", sa.String(64), nullable=False),
    )
    op.create_index("ix_idempotency_keys_reading_id", "idempotency_keys", ["reading_id"])
    op.create_table(
        "tokens",
        sa.Column("id", sa.String(16), primary_key=True),
        sa.Column("name", sa.String(64), nullable=False, unique=True),
        sa.Column("role", sa.String(8), nullable=False),
        sa.Column("salt", sa.String(32), nullable=False),
        sa.Column("hash", sa.String(128), nullable=False),
        sa.Column("created_s", sa.Float, nullable=False),
        sa.Column("revoked_s", sa.Float),
    )
    op.create_table(
        "audit",
        sa.Column("seq", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("at_s", sa.Float, nullable=False),
        sa.Column("who", sa.String(64), nullable=False),
        sa.Column("what", sa.String(32), nullable=False),
        sa.Column("reading_id", sa.String(32)),
        sa.Column("model_sha256", sa.String(64)),
        sa.Column("detail", sa.Text),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_audit_reading_id", "audit", ["reading_id"])
    _only_add_to_audit()


def _readings() -> None:
    op.create_table(
        "readings",
        sa.Column("seq", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("id", sa.String(32), nullable=False, unique=True),
        sa.Column("state", sa.String(8), nullable=False),
        sa.Column("file_sha256", sa.String(64), nullable=False),
        sa.Column("sex", sa.String(1)),
        sa.Column("age_months", sa.Float),
        sa.Column("accept_anything", sa.Boolean, nullable=False),
        sa.Column("created_by", sa.String(64), nullable=False),
        sa.Column("created_s", sa.Float, nullable=False),
        sa.Column("finished_s", sa.Float),
        sa.Column("claimed_by", sa.String(64)),
        sa.Column("lease_until_s", sa.Float),
        sa.Column("deaths", sa.Integer, nullable=False),
        sa.Column("result", sa.Text),
        sa.Column("problem", sa.Text),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_readings_file_sha256", "readings", ["file_sha256"])
    op.create_index("ix_readings_created_s", "readings", ["created_s"])
    op.create_index("ix_readings_state_seq", "readings", ["state", "seq"])


def _only_add_to_audit() -> None:
    if op.get_bind().dialect.name == "sqlite":
        for event in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER audit_no_{event.lower()} BEFORE {event} ON audit "
                "BEGIN SELECT RAISE(ABORT, 'the audit log can only be added to'); END"
            )
        return
    op.execute(
        "CREATE FUNCTION audit_refuse() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'the audit log can only be added to'; END $$"
    )
    op.execute(
        "CREATE TRIGGER audit_only_added BEFORE UPDATE OR DELETE ON audit FOR EACH ROW EXECUTE FUNCTION audit_refuse()"
    )
