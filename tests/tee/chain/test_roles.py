"""What each certificate of a path must say: dates, the right to issue, nothing unknown."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from OpenSSL import crypto

from enarx.errors import UnauthenticError
from enarx.tee.chain import find_path

if TYPE_CHECKING:
    from tests.tee.chain.conftest import Role, World

    from enarx.tee.chain import Path
    from enarx.tee.x509 import Certificate

DAY = timedelta(days=1)
SECOND = timedelta(seconds=1)
UNKNOWN = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), b"\x05\x00")


def path_with(w: World, *, leaf: Role | None = None, middle: Role | None = None) -> Path:
    """The path of a leaf and an authority with these roles."""
    below = w.middle.issue(w.device, leaf) if leaf else w.middle.issue(w.device)
    above = w.root.issue(w.middle, middle or w.role())
    return find_path(below, (above,), (w.root.anchor(),), w.now)


def refused(w: World, *, leaf: Role | None = None, middle: Role | None = None) -> UnauthenticError:
    """How that path is refused."""
    with pytest.raises(UnauthenticError) as caught:
        path_with(w, leaf=leaf, middle=middle)
    return caught.value


def test_an_expired_authority(w: World) -> None:
    """Attack: a key that was in use long ago; name, both dates and the instant are told."""
    error = refused(w, middle=w.role(start=w.now - 9 * DAY, end=w.now - SECOND))
    assert error.step == "certificate validity"
    (failure,) = error.failures
    assert str(failure) == (
        "Middle: got valid from 2026-05-23T12:00:00Z to 2026-06-01T11:59:59Z, "
        "want valid at 2026-06-01T12:00:00Z"
    )
    assert error.hints == ("recorded evidence is verified as of its own time with --at",)


def test_every_date_that_is_wrong_is_told(w: World) -> None:
    """A leaf that is not valid yet below an authority that is not any more: both are named."""
    leaf = w.role(ca=False, issues=False, start=w.now + SECOND)
    error = refused(w, leaf=leaf, middle=w.role(end=w.now - SECOND))
    assert [failure.claim for failure in error.failures] == ["Device", "Middle"]


def test_first_and_last_second_count(w: World) -> None:
    """Validity includes its beginning and its end (RFC 5280, section 4.1.2.5)."""
    assert path_with(w, middle=w.role(start=w.now))
    assert path_with(w, middle=w.role(end=w.now))


@pytest.mark.parametrize("basic", [False, None])
def test_a_leaf_as_an_authority(w: World, basic: bool | None) -> None:  # noqa: FBT001
    """Attack: a device's key issues certificates; without basic constraints it may not either."""
    error = refused(w, middle=w.role(ca=basic, issues=None))
    assert str(error.failures[0]) == (
        "Middle: got basic constraints without CA, want a certificate authority"
    )


def test_an_authority_that_may_not_sign_certificates(w: World) -> None:
    """Attack: a certificate whose key usage lacks keyCertSign issues one; without any it may."""
    error = refused(w, middle=w.role(issues=False))
    assert str(error.failures[0]) == (
        "Middle: got a key usage without it, want the key usage keyCertSign"
    )
    assert path_with(w, middle=w.role(issues=None))


def test_a_path_that_is_too_long_for_an_authority(w: World) -> None:
    """Attack: an authority that may have none below it certifies one all the same."""
    lower = w.party("Lower")
    leaf = lower.issue(w.device)
    for length, holds in ((0, False), (1, True), (None, True)):
        pool = (w.middle.issue(lower, w.role(path_length=0)),)
        pool += (w.root.issue(w.middle, w.role(path_length=length)),)
        if holds:
            assert len(find_path(leaf, pool, (w.root.anchor(),), w.now).certificates) == 3
        else:
            with pytest.raises(UnauthenticError) as caught:
                find_path(leaf, pool, (w.root.anchor(),), w.now)
            assert str(caught.value.failures[0]) == "Middle: got 0, want a path length of 1"


@pytest.mark.parametrize("place", ["leaf", "middle"])
def test_a_critical_extension_that_nobody_understands(w: World, place: str) -> None:
    """A certificate that demands a check we do not know is refused; it may also just say more."""
    for critical in (True, False):
        roles = {
            "leaf": w.role(ca=False, issues=False, extensions=((UNKNOWN, critical),)),
            "middle": w.role(extensions=((UNKNOWN, critical),)),
        }
        if critical:
            error = refused(w, **{place: roles[place]})
            assert str(error.failures[0]).endswith(
                "got the critical extension 1.2.3.4, want no critical extension that is not "
                "understood"
            )
        else:
            assert path_with(w, **{place: roles[place]})


@pytest.mark.parametrize(
    "extension",
    [
        x509.ExtendedKeyUsage([x509.ExtendedKeyUsageOID.SERVER_AUTH]),
        x509.NameConstraints([x509.DNSName("example")], None),
        x509.PolicyConstraints(require_explicit_policy=0, inhibit_policy_mapping=None),
        x509.InhibitAnyPolicy(0),
    ],
    ids=lambda extension: type(extension).__name__,
)
def test_critical_extensions_that_are_known_but_not_checked(
    w: World, extension: x509.ExtensionType
) -> None:
    """Only what is checked counts as understood, not what the library can decode."""
    assert "critical extension" in str(refused(w, middle=w.role(extensions=((extension, True),))))


ROLES = st.fixed_dictionaries(
    {
        "ca": st.sampled_from([True, True, True, False, None]),
        "issues": st.sampled_from([True, True, True, False, None]),
        "path_length": st.sampled_from([None, None, 0, 1, 2]),
        "days": st.sampled_from([(-9, 9), (-9, 9), (-9, 9), (-9, 0), (0, 9), (-9, -1), (1, 9)]),
        "unknown": st.sampled_from([(), (), (), ((UNKNOWN, False),), ((UNKNOWN, True),)]),
    }
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(roles=st.lists(ROLES, min_size=1, max_size=4))
def test_openssl_agrees(w: World, roles: list[dict[str, object]]) -> None:
    """Random paths of up to four certificates hold here exactly if they hold for OpenSSL."""
    parties = [w.root, *(w.party(f"Level {n}") for n in range(len(roles)))]
    chain = [
        upper.issue(lower, _role(w, each))
        for upper, lower, each in zip(parties, parties[1:], roles, strict=False)
    ]
    own = w.root.issue(w.root, w.role())
    try:
        find_path(chain[-1], chain[:-1], (w.root.anchor(),), w.now)
        ours = ""
    except UnauthenticError as e:
        ours = str(e)
    assert bool(ours) == bool(theirs := _openssl(own, chain, w.now)), (ours, theirs)


def _role(w: World, drawn: dict[str, object]) -> Role:
    begin, end = drawn["days"]  # type: ignore[misc]
    length = drawn["path_length"] if drawn["ca"] else None
    return w.role(
        ca=drawn["ca"], issues=drawn["issues"], path_length=length,
        start=w.now + begin * DAY, end=w.now + end * DAY, extensions=drawn["unknown"],
    )  # fmt: skip


def _openssl(root: Certificate, chain: list[Certificate], now: datetime) -> str:
    """What OpenSSL has against the path; empty if nothing."""
    store = crypto.X509Store()
    store.add_cert(crypto.X509.from_cryptography(root))
    store.set_time(now)
    *others, leaf = (crypto.X509.from_cryptography(each) for each in chain)
    try:
        crypto.X509StoreContext(store, leaf, chain=others).verify_certificate()
    except crypto.X509StoreContextError as e:
        return str(e)
    return ""
