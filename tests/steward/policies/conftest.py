"""Stewards with an empty database, and with two of three approvers, on both databases."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import Engine
from tests.steward.policies.stewards import LOG, Steward, approvers, key_of, policy

from enarx.steward.records.database import writing
from enarx.steward.records.migrations import migrate


@pytest.fixture
def empty(engine: Engine) -> Steward:
    """A Steward without a policy."""
    migrate(engine)
    with writing(engine) as connection:
        LOG.metadata.create_all(connection)
    return Steward(engine)


@pytest.fixture
def steward(empty: Steward) -> Steward:
    """A Steward where two of alice, bob and carol must approve."""
    empty.initialise(approvers(2, "alice", "bob", "carol"))
    return empty


@pytest.fixture
def make_policy() -> Callable[[str], bytes]:
    """A policy by its name."""
    return policy


@pytest.fixture
def make_approvers() -> Callable[..., bytes]:
    """A document of approvers, by threshold and names."""
    return approvers


@pytest.fixture
def approver_key() -> Callable[[str], Ed25519PrivateKey]:
    """The key of an approver, by its name."""
    return key_of
