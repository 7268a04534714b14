"""Alembic runs this to learn on which connection to work; carpal hands it over in the configuration."""

from __future__ import annotations

from alembic import context

context.configure(connection=context.config.attributes["connection"])
context.run_migrations()
