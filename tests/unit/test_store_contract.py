"""The store on SQLite."""

from __future__ import annotations

from pathlib import Path

import pytest
from store_contract import *  # noqa: F403 the tests themselves

from rag.settings import Settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path / "data")
