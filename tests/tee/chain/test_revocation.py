"""Revocation lists: what they reveal, and which of them count as having looked."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from cryptography import x509

from enarx.errors import UnauthenticError
from enarx.tee.chain import MAX_LISTS, check_revocation, find_path
from enarx.tee.claims import Revocation

if TYPE_CHECKING:
    from tests.tee.chain.conftest import Role, World

    from enarx.tee.chain import Path

DAY = timedelta(days=1)
SERIAL, OTHER = 0x1234, 0x9999


def path(w: World, middle: Role | None = None) -> Path:
    """A leaf, an authority and a pinned key; both certificates have the same serial number."""
    above = w.root.issue(w.middle, middle or w.role())
    return find_path(w.middle.issue(w.device), (above,), (w.root.anchor(),), w.now)


def test_whole_current_lists_of_every_issuer(w: World) -> None:
    """With the lists of both issuers everything was looked up, in any order of the lists."""
    lists = (w.root.crl(OTHER), w.middle.crl(OTHER))
    for given in (lists, lists[::-1]):
        revocation, used = check_revocation(path(w), given, w.now)
        assert revocation == Revocation(unchecked=(), lists=("Middle", "Root"))
        assert used == lists[::-1]


def test_missing_lists_are_told(w: World) -> None:
    """Without a list of an issuer the evidence is not refused: who was not asked is told."""
    revocation, used = check_revocation(path(w), (w.root.crl(),), w.now)
    assert revocation == Revocation(unchecked=("Middle: no CRL given",), lists=("Root",))
    assert len(used) == 1
    revocation, used = check_revocation(path(w), (), w.now)
    assert revocation.unchecked == ("Middle: no CRL given", "Root: no CRL given")
    assert used == ()


def test_an_issuer_without_common_name_is_told(w: World) -> None:
    """The whole name stands in."""
    w.middle = w.party("", organisation="Nobody")
    revocation, _ = check_revocation(path(w), (w.root.crl(),), w.now)
    assert revocation.unchecked == ("O=Nobody: no CRL given",)


def test_issuers_that_publish_no_list(w: World) -> None:
    """An issuer that is known to have none is not missed; the others are."""
    revocation, _ = check_revocation(path(w), (), w.now, unlisted=("Middle",))
    assert revocation == Revocation(unchecked=("Root: no CRL given",), lists=())


@pytest.mark.parametrize("who", ["root", "middle"])
def test_a_revoked_certificate(w: World, who: str) -> None:
    """Attack: a leaf or an authority whose key is known to be lost."""
    issuer = getattr(w, who)
    with pytest.raises(UnauthenticError) as caught:
        check_revocation(path(w), (w.root.crl(), w.middle.crl(), issuer.crl(SERIAL)), w.now)
    below = {"root": "Middle", "middle": "Device"}[who]
    assert caught.value.step == "revocation"
    assert str(caught.value.failures[0]) == (
        f"{below}: got revoked by {issuer.name} on 2026-05-31, want not revoked"
    )
    assert caught.value.hints == (
        "the machine's key is no longer trusted by its vendor: use another machine",
    )


def test_a_list_of_another_key_with_the_issuers_name(w: World) -> None:
    """Attack: a forged empty list is ignored; so is one that would revoke what is good."""
    forged = (w.party("Middle").crl(), w.party("Root").crl(SERIAL))
    revocation, used = check_revocation(path(w), forged, w.now)
    assert revocation.unchecked == ("Middle: no CRL given", "Root: no CRL given")
    assert used == ()


def test_a_list_of_another_issuer_with_the_same_key(w: World) -> None:
    """Names count beside keys: a list is of the issuer that it names."""
    twin = w.party("Twin", key=w.middle.key)
    revocation, _ = check_revocation(path(w), (twin.crl(SERIAL),), w.now)
    assert revocation.lists == ()


STALE = {
    "ended": ({"start": -9 * DAY, "end": -DAY}, "CRL ended on 2026-05-31"),
    "later": (
        {"start": DAY, "end": 9 * DAY},
        "CRL is of 2026-06-02, later than the time of verification",
    ),
    "endless": ({"start": -9 * DAY, "end": None}, "CRL has no next update"),
}


@pytest.mark.parametrize("kind", STALE)
def test_a_list_of_another_time(w: World, kind: str) -> None:
    """An old list, one from the future and one without an end do not count, and say why."""
    times, reason = STALE[kind]
    times = {name: at if at is None else w.now + at for name, at in times.items()}
    revocation, used = check_revocation(path(w), (w.middle.crl(OTHER, **times),), w.now)
    assert revocation.unchecked[0] == f"Middle: {reason}"
    assert used == ()
    with pytest.raises(UnauthenticError, match="revoked by Middle"):
        check_revocation(path(w), (w.middle.crl(SERIAL, **times),), w.now)


def test_first_and_last_second_of_a_list_count(w: World) -> None:
    """A list counts from its beginning to its end, both included."""
    for times in ({"start": w.now}, {"end": w.now}):
        revocation, _ = check_revocation(path(w), (w.middle.crl(**times),), w.now)
        assert revocation.lists == ("Middle",)


def test_of_several_lists_the_newest_counts(w: World) -> None:
    """The newest of those that count is named as used, in any order."""
    lists = [w.middle.crl(start=w.now - age * DAY) for age in (3, 1, 2)]
    ended = w.middle.crl(start=w.now - 9 * DAY, end=w.now - 8 * DAY)
    _, used = check_revocation(path(w), (*lists, ended), w.now)
    assert used == (lists[1],)
    revocation, used = check_revocation(
        path(w), (ended, w.middle.crl(start=w.now + DAY, end=w.now + 2 * DAY)), w.now
    )
    assert used == ()
    assert "later than" in revocation.unchecked[0]


def test_lists_without_end(w: World) -> None:
    """Attack: forged lists by the thousand are refused before anybody looks at them."""
    forger = w.party("Middle")
    junk = [forger.crl(serial) for serial in range(1, MAX_LISTS + 1)]
    right = w.middle.crl()
    few = (*junk[1:], right)
    assert check_revocation(path(w), few, w.now)[0].lists == ("Middle",)
    with pytest.raises(UnauthenticError) as caught:
        check_revocation(path(w), (*junk, right), w.now)
    assert str(caught.value.failures[0]) == "Device: got 257, want at most 256 lists of Middle"


def test_an_older_list_cannot_be_outweighed(w: World) -> None:
    """Attack: a certificate that any genuine list names stays revoked, whatever newer ones say."""
    older, newer = w.middle.crl(SERIAL, start=w.now - 5 * DAY), w.middle.crl()
    with pytest.raises(UnauthenticError, match="revoked by Middle"):
        check_revocation(path(w), (newer, older), w.now)


def scope(**only: bool) -> x509.IssuingDistributionPoint:
    """A list about a part of the issuer's certificates."""
    point = None if only else [x509.UniformResourceIdentifier("http://crl.example/1")]
    return x509.IssuingDistributionPoint(
        full_name=point,
        relative_name=None,
        only_contains_user_certs=only.get("user", False),
        only_contains_ca_certs=only.get("ca", False),
        only_some_reasons=None,
        indirect_crl=only.get("indirect", False),
        only_contains_attribute_certs=only.get("attribute", False),
    )


UNKNOWN = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), b"\x05\x00")
PARTS = {
    "delta": (x509.DeltaCRLIndicator(7), True, "2.5.29.27"),
    "delta that is not critical": (x509.DeltaCRLIndicator(7), False, "2.5.29.27"),
    "one distribution point": (scope(), True, "2.5.29.28"),
    "only authorities": (scope(ca=True), True, "2.5.29.28"),
    "only attributes, not critical": (scope(attribute=True), False, "2.5.29.28"),
    "indirect": (scope(indirect=True), True, "2.5.29.28"),
    "unknown critical": (UNKNOWN, True, "1.2.3.4"),
}


@pytest.mark.parametrize("kind", PARTS)
def test_a_list_of_a_part(w: World, kind: str) -> None:
    """Attack: a list that need not name the certificate is given as if it were the whole one."""
    value, critical, oid = PARTS[kind]
    given = {"extensions": ((value, critical),)}
    revocation, used = check_revocation(path(w), (w.middle.crl(**given),), w.now)
    assert revocation.unchecked[0] == f"Middle: CRL is not a whole one (extension {oid})"
    assert used == ()
    with pytest.raises(UnauthenticError, match="revoked by Middle"):
        check_revocation(path(w), (w.middle.crl(SERIAL, **given),), w.now)


def test_extensions_that_change_nothing(w: World) -> None:
    """A number, and anything unknown that is not critical, leave a list a whole one."""
    extensions = ((x509.CRLNumber(5), False), (UNKNOWN, False))
    revocation, _ = check_revocation(path(w), (w.middle.crl(extensions=extensions),), w.now)
    assert revocation.lists == ("Middle",)


def test_a_list_of_an_issuer_that_may_not_make_one(w: World) -> None:
    """An authority without cRLSign: its list reveals, but does not count (RFC 5280, 6.3.3 (f))."""
    found = path(w, middle=w.role(revokes=False))
    revocation, _ = check_revocation(found, (w.middle.crl(),), w.now)
    assert revocation.unchecked[0] == "Middle: its certificate lacks the key usage cRLSign"
    with pytest.raises(UnauthenticError, match="revoked by Middle"):
        check_revocation(found, (w.middle.crl(SERIAL),), w.now)
    anything = path(w, middle=w.role(issues=None))
    assert check_revocation(anything, (w.middle.crl(),), w.now)[0].lists == ("Middle",)
