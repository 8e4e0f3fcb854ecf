"""An authority issues what independent software accepts, and goes on over rotations."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from cryptography import x509

from enarx.appraisal import ear_token
from enarx.errors import MalformedError, MisconfiguredError
from enarx.pki.crl import Entry
from enarx.pki.issue import Leaf
from enarx.steward.authority.authority import Authority, load
from enarx.steward.authority.making import Wanted, initialise, roll_root, rotate
from enarx.steward.authority.opener import Opener

Verify = Callable[..., str]


@pytest.mark.parametrize("kind", ["p256", "p384"])
def test_openssl_accepts_what_it_issues(
    *, kind: str, state: str, opener: Opener, now: datetime, leaf: Leaf, openssl: Verify
) -> None:
    """A certificate is good for servers and clients, under its name, below the root alone."""
    made = initialise(state, opener, Wanted(kind=kind), now=now)
    certificate = made.issue(leaf)
    for purpose in ("sslserver", "sslclient"):
        options = ("-purpose", purpose, "-verify_hostname", "shop.example.org")
        assert openssl(certificate, made.roots, made.chain[:1], *options) == "leaf: OK"


def test_its_list_is_what_openssl_revokes_by(
    authority: Authority, now: datetime, leaf: Leaf, openssl: Verify
) -> None:
    """With the list of its issuer, a certificate is good until it is listed, by any client."""
    certificate = authority.issue(leaf)
    clean = authority.crl([], number=1, now=now)
    listing = authority.crl([Entry(leaf.serial, now)], number=2, now=now)
    below, check = authority.chain[:1], "-crl_check"
    assert openssl(certificate, authority.roots, below, check, crls=(clean,)) == "leaf: OK"
    said = openssl(certificate, authority.roots, below, check, crls=(listing,))
    assert "certificate revoked" in said
    assert "unable to get certificate CRL" in openssl(certificate, authority.roots, below, check)


def test_no_certificate_outlives_its_issuer(authority: Authority, leaf: Leaf, state: str) -> None:
    """What would end after the intermediate is refused, and the operator is told what to do."""
    late = authority.not_after + timedelta(seconds=1)
    with pytest.raises(MisconfiguredError) as caught:
        authority.issue(replace(leaf, not_before=late - timedelta(hours=1), not_after=late))
    assert caught.value.hints == (f"enarx steward ca rotate --state {state}",)


def test_no_certificate_lives_for_more_than_eight_days(authority: Authority, leaf: Leaf) -> None:
    """Else a replaced intermediate could not be forgotten in time."""
    with pytest.raises(ValueError, match="eight days"):
        authority.issue(replace(leaf, not_after=leaf.not_before + timedelta(days=9)))


@pytest.mark.parametrize(
    "identity",
    ["spiffe://other.org/workload/shop", "spiffe://enarx.local", "spiffe://enarx.local.evil.org/x"],
)
def test_no_identity_of_another_domain_is_issued(
    identity: str, authority: Authority, leaf: Leaf
) -> None:
    """Whatever the caller believes it may say, an authority speaks for its own domain."""
    with pytest.raises(ValueError, match="an identity of"):
        authority.issue(replace(leaf, spiffe_id=identity))


@pytest.mark.parametrize("name", ["Shop.example", "a\n.example", "127.1", "*.org", "a.example\0"])
def test_no_name_is_issued_unchecked(name: str, authority: Authority, leaf: Leaf) -> None:
    """Also where the caller forgot to check it."""
    with pytest.raises(MalformedError):
        authority.issue(replace(leaf, dns_names=(name,)))


def test_what_is_loaded_is_what_was_made(authority: Authority, state: str, opener: Opener) -> None:
    """All keys are the same after loading, so that old results, logs and secrets stay good."""
    again = load(state, opener)
    assert again.chain == authority.chain
    assert again.secrets_key == authority.secrets_key
    assert len(again.secrets_key) == 32
    assert again.log_key.public_key() == authority.log_key.public_key()
    assert again.result_key.public_key() == authority.result_key.public_key()
    assert ear_token.algorithm_of(again.result_key) == "ES384"
    assert again.reloaded() is again


def test_a_rotation_changes_the_issuer_and_nothing_else(
    *, authority: Authority, state: str, opener: Opener, now: datetime, leaf: Leaf, openssl: Verify
) -> None:
    """Old and new certificates are good, each with the list of its own issuer, by one root."""
    old = authority.issue(leaf)
    rotate(state, opener, now=now)
    new_authority = authority.reloaded()
    assert new_authority.roots == authority.roots
    assert new_authority.issuer_id != authority.issuer_id
    new = new_authority.issue(leaf)
    lists = new_authority.crls([Entry(leaf.serial, now)], number=3, now=now)
    assert set(lists) == {authority.issuer_id, new_authority.issuer_id}
    for certificate, issuer in ((old, authority), (new, new_authority)):
        between, crls = issuer.chain[:1], (lists[issuer.issuer_id],)
        assert openssl(certificate, issuer.roots, between) == "leaf: OK"
        said = openssl(certificate, issuer.roots, between, "-crl_check", crls=crls)
        assert "certificate revoked" in said


def test_an_issuer_is_forgotten_when_its_certificates_have_ended(
    authority: Authority, state: str, opener: Opener, now: datetime
) -> None:
    """Nine days after a rotation (eight, and one unnoticed) the next one drops the old one."""
    rotate(state, opener, now=now)
    before = rotate(state, opener, now=now + timedelta(days=9) - timedelta(seconds=1))
    assert authority.issuer_id in before.crls([], number=1, now=now)
    after = rotate(state, opener, now=now + timedelta(days=9))
    assert authority.issuer_id not in after.crls([], number=1, now=now)


def test_clients_with_either_anchor_go_on_over_a_rollover(
    *, authority: Authority, state: str, opener: Opener, now: datetime, leaf: Leaf, openssl: Verify
) -> None:
    """Whoever trusts the old root reaches new certificates, whoever trusts the new, old ones."""
    old = authority.issue(leaf)
    rolled = roll_root(state, opener, now=now)
    new = rolled.issue(leaf)
    assert rolled.roots[1:] == authority.roots
    assert openssl(new, authority.roots, rolled.chain) == "leaf: OK"
    assert openssl(new, rolled.roots[:1], rolled.chain) == "leaf: OK"
    back = rolled.state.roots[1].by_newer
    assert openssl(old, rolled.roots[:1], (authority.chain[0], back)) == "leaf: OK"
    assert openssl(old, authority.roots, authority.chain) == "leaf: OK"


def test_the_first_anchor_survives_a_second_rollover(
    *, authority: Authority, state: str, opener: Opener, now: datetime, leaf: Leaf, openssl: Verify
) -> None:
    """Certificates across lead from root to root, and clients with any of them go on."""
    roll_root(state, opener, now=now)
    rolled = roll_root(state, opener, now=now)
    new = rolled.issue(leaf)
    for root in (*rolled.roots, *authority.roots):
        assert openssl(new, (root,), rolled.chain) == "leaf: OK"


def test_a_root_that_ends_too_soon_issues_no_intermediate(
    state: str, opener: Opener, now: datetime
) -> None:
    """An intermediate never outlives its root: the root has to be rolled first."""
    initialise(state, opener, Wanted(days=10, root_days=20), now=now)
    with pytest.raises(MisconfiguredError, match="before the intermediate would"):
        rotate(state, opener, days=15, now=now + timedelta(days=6))
    rolled = roll_root(state, opener, days=15, now=now + timedelta(days=6))
    assert rolled.not_after == now + timedelta(days=21)


def test_intermediates_may_certify_keeps_only(authority: Authority) -> None:
    """Path lengths leave no room for an authority below the intermediate."""
    intermediate, root = (x509.load_der_x509_certificate(der) for der in authority.chain)
    lengths = [
        one.extensions.get_extension_for_class(x509.BasicConstraints).value.path_length
        for one in (intermediate, root)
    ]
    assert lengths == [0, 8]
