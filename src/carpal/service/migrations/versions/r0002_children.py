"""What is told of the child, and which readings are of one child."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add them."""
    op.create_table(
        "children",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("code", sa.String(64), nullable=False, unique=True),
        sa.Column("created_s", sa.Float, nullable=False),
    )
    # To add a reference in SQLite Alembic would copy the table, and dropping the old one would take the idempotency
    # keys with it; SQLite itself, like PostgreSQL, can add it in place.
    op.execute("ALTER TABLE readings ADD COLUMN child_id VARCHAR(32) REFERENCES children (id)")
    for column in _columns():
        op.add_column("readings", column)
    op.create_index("ix_readings_child_id", "readings", ["child_id"])


def _columns() -> tuple[sa.Column, ...]:
    return (
        sa.Column("source", sa.String(8), nullable=False, server_default="rest"),
        sa.Column("is_dicom", sa.Boolean, nullable=False, server_default=sa.false()),
        sa.Column("study_date", sa.String(10)),
        sa.Column("height_cm", sa.Float),
        sa.Column("weight_kg", sa.Float),
        sa.Column("mother_height_cm", sa.Float),
        sa.Column("father_height_cm", sa.Float),
        sa.Column("menarche", sa.Boolean),
        sa.Column("header_sex", sa.String(1)),
        sa.Column("header_age_months", sa.Float),
        sa.Column("header_study_date", sa.String(10)),
    )
