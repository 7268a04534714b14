"""What is to be sent, and to where."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "outbox",
        sa.Column("seq", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("reading_id", sa.String(32), sa.ForeignKey("readings.id", ondelete="CASCADE"), nullable=False),
        sa.Column("destination", sa.String(255), nullable=False),
        sa.Column("document", sa.String(16), nullable=False),
        sa.Column("state", sa.String(12), nullable=False),
        sa.Column("tries", sa.Integer, nullable=False),
        sa.Column("next_s", sa.Float, nullable=False),
        sa.Column("claimed_by", sa.String(64)),
        sa.Column("lease_until_s", sa.Float),
        sa.Column("sent_s", sa.Float),
        sa.Column("last_error", sa.String(255)),
        sa.UniqueConstraint("reading_id", "destination", "document"),
    )
    op.create_index("ix_outbox_state_destination_seq", "outbox", ["state", "destination", "seq"])
    op.create_table(
        "destinations",
        sa.Column("url", sa.String(255), primary_key=True),
        sa.Column("failures", sa.Integer, nullable=False),
        sa.Column("next_s", sa.Float, nullable=False),
        sa.Column("last_error", sa.String(255)),
    )
