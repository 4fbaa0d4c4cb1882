"""Brings a database to the sandbox's schema, then applies the migrations of other rooms, which are read as data."""

from __future__ import annotations

from pathlib import Path

import psycopg

from sandbox.errors import MigrationError

SCHEMA = Path(__file__).parent / "schema"
# Where a checkout keeps the new service's migrations. Only a default: nothing happens when the folder is missing.
NEIGHBOUR = Path(__file__).parent.parent / "v2_service" / "migrations"


def files(folder: Path) -> list[Path]:
    """The .sql files of a folder in the order in which they apply: by name."""
    return sorted(folder.glob("*.sql"), key=lambda path: path.name)


def apply(uri: str, folders: list[Path]) -> list[Path]:
    """Run every file of every folder, each in one transaction; files must be re-runnable.

    Returns the files applied. Raises MigrationError naming the file and what the server said.
    """
    applied = []
    with psycopg.connect(uri, autocommit=True) as connection:
        for path in (path for folder in folders for path in files(folder)):
            try:
                with connection.transaction():
                    # Files are whole scripts: the simple protocol takes many statements where a prepared one cannot.
                    connection.execute(path.read_bytes(), prepare=False)
            except psycopg.Error as error:
                raise MigrationError(f"{path.name} was refused: {error}") from error
            applied.append(path)
    return applied
