"""The one-time keys that a keep's secrets are sealed to do not outlive the request."""

from __future__ import annotations

import os
import traceback
from typing import TYPE_CHECKING, cast

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from enarx.errors import UnavailableError
from enarx.keep.clock import Clock
from enarx.keep.release import Wanted
from enarx.package.model import Secret
from enarx.seal.suite import KEMS, OneTimeKey

if TYPE_CHECKING:
    from enarx.keep.steward import Steward

WORKLOAD = "sha256:" + "ab" * 32


class Silent:
    """A Steward that gives a nonce, and is then gone."""

    name = "steward https://a.example"
    workload_digest = WORKLOAD

    def challenge(self, *, deadline: float) -> bytes:
        """A nonce."""
        assert deadline
        return os.urandom(32)

    def evidence(self, wanted: object) -> bytes:
        """There is some."""
        assert wanted
        return b"evidence"

    def ask(self, *_: object, **__: object) -> object:
        """No answer."""
        raise UnavailableError(self.name, "is gone")


def test_keys_are_erased_where_nothing_comes() -> None:
    """Also those that an error still refers to."""
    log: list[str] = []
    wanted = Wanted(
        cast("Steward", Silent()),
        ec.generate_private_key(ec.SECP256R1()),
        clock=Clock(),
        log=lambda _, text: log.append(text),
    )
    with pytest.raises(UnavailableError) as raised:
        wanted.fetch((Secret(name="a", file="/a", origin="steward"),))
    values = [
        value
        for frame, _ in traceback.walk_tb(raised.value.__traceback__)
        for local in frame.f_locals.values()
        if isinstance(local, dict)
        for value in local.values()
    ]
    keys = [value for value in values if isinstance(value, OneTimeKey)]
    assert [key.kem for key in keys] == list(KEMS)
    assert [key.used for key in keys] == [True, True]
    assert log == ["steward https://a.example: is gone; asked again"]
