"""How much a page reads: rows that leave the database, and statements."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from sqlite_utils import Database


@dataclass
class Read:
    """Rows and statements so far."""

    rows: int = 0
    statements: int = 0


@contextmanager
def counted() -> Iterator[Read]:
    """Count every row that a query gives, and every query, while the block runs."""
    found, query, execute = Read(), Database.query, Database.execute

    def counting(self: Database, *args: Any, **kwargs: Any) -> Iterator[dict[str, Any]]:
        for row in query(self, *args, **kwargs):
            found.rows += 1
            yield row

    def executing(self: Database, *args: Any, **kwargs: Any) -> Any:
        found.statements += 1
        return execute(self, *args, **kwargs)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Database, "query", counting)
        patch.setattr(Database, "execute", executing)
        yield found
