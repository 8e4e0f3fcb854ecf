"""Evidence and the key beside it: what binds, and the named attack of putting another key there."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from enarx.errors import Failure, UnauthenticError
from enarx.evidence.binding import check_binding
from enarx.evidence.opened import KeyBinding, Opened
from enarx.tee.claims import Claims
from enarx.tee.endorsements import Endorsements
from enarx.tee.technology import Technology

ONES = b"\1" * 32

ClaimsOf = Callable[..., Claims]


def opened(binding: KeyBinding | None, technologies: tuple[Technology, ...]) -> Opened:
    """Something opened, with *binding*."""
    return Opened(
        evidence=b"",
        technology=technologies[0],
        endorsements=Endorsements(),
        containers=(),
        binding=binding,
        claims=b"",
    )


def test_without_a_key_there_is_nothing_to_bind(
    technologies: tuple[Technology, ...], claims_of: ClaimsOf
) -> None:
    """Bare evidence names no key."""
    check_binding(opened(None, technologies), claims_of(b"anything"))


@pytest.mark.parametrize("size", [32, 48, 64])
def test_the_digest_fills_the_report_data(
    size: int, technologies: tuple[Technology, ...], claims_of: ClaimsOf
) -> None:
    """A digest of any length, filled up with zeros, and one of several that are accepted."""
    digest = bytes(range(1, size + 1))
    binding = KeyBinding(rule="rule", spki=b"key", accepted=(b"\xff" * 32, digest))
    check_binding(opened(binding, technologies), claims_of(digest.ljust(64, b"\0")))


@pytest.mark.parametrize(
    "report_data",
    [b"", bytes(64), ONES[:31] + bytes(33), ONES + b"\1" + bytes(31), ONES + bytes(31) + b"\1"],
)
def test_anything_else_binds_nothing(
    report_data: bytes, technologies: tuple[Technology, ...], claims_of: ClaimsOf
) -> None:
    """Another digest, a part of it, and anything but zeros behind it."""
    binding = KeyBinding(rule="the rule", spki=b"key", accepted=(ONES,))
    with pytest.raises(UnauthenticError) as refused:
        check_binding(opened(binding, technologies), claims_of(report_data))
    got = report_data.hex() or "nothing"
    want = f"report_data: got {got}, want {'01' * 32} (the rule)"
    assert str(refused.value) == f"not authentic: key binding: {want}"
    assert refused.value.step == "key binding"
    assert refused.value.hints == ("the evidence was made for another key; do not use this one",)


def test_a_document_may_hold_the_key_itself(
    technologies: tuple[Technology, ...], claims_of: ClaimsOf
) -> None:
    """Nitro documents carry the key, not its digest, in one of two fields."""
    fields = ("nitro.public_key", "nitro.user_data")
    binding = KeyBinding(rule="rule", spki=b"key", fields=fields)
    for name in fields:
        check_binding(opened(binding, technologies), claims_of(b"", {name: b"key"}))
    for found in (
        {},
        {"nitro.nonce": b"key"},
        {"nitro.user_data": b"key2"},
        {"nitro.public_key": b""},
    ):
        with pytest.raises(
            UnauthenticError, match=r"want the key in nitro\.public_key or the key in"
        ):
            check_binding(opened(binding, technologies), claims_of(b"", found))


def test_every_failure_is_told(technologies: tuple[Technology, ...], claims_of: ClaimsOf) -> None:
    """What contradicts inside of the container counts even where the evidence is bound."""
    inside = Failure("pubkey-hash", want="a", got="b", hint="inside")
    binding = KeyBinding(rule="rule", spki=b"key", accepted=(b"d",), failures=(inside,))
    with pytest.raises(UnauthenticError) as refused:
        check_binding(opened(binding, technologies), claims_of(b"d\0"))
    assert refused.value.failures == (inside,)
    with pytest.raises(UnauthenticError) as refused:
        check_binding(opened(binding, technologies), claims_of(b"e\0"))
    assert [failure.claim for failure in refused.value.failures] == ["pubkey-hash", "report_data"]
