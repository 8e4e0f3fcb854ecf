"""A machine to be described."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.host.doctor.machines import Host


@pytest.fixture
def host(tmp_path: Path) -> Host:
    """An empty machine."""
    return Host(tmp_path)
