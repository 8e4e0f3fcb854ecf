"""One Steward for the tests of a module."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest
from tests.steward.stewards import Serving, start


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """With everything that it makes by itself, for simulated keeps."""
    made = start(
        tmp_path_factory.mktemp("steward"), "--insecure-accept-simulated", "--workers", "2"
    )
    yield made
    made.end()


@pytest.fixture
def client(serving: Serving) -> Iterator[httpx.Client]:
    """A client of it."""
    with serving.client() as made:
        yield made


@pytest.fixture(scope="module")
def operator(serving: Serving) -> dict[str, str]:
    """What an operator shows."""
    token = serving.command("token", "create", "--name", "tests").stdout.strip()
    return {"Authorization": f"Bearer {token}"}
