"""The search of a path: by name and signature, to a pinned key, whatever else lies around."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, x25519
from cryptography.hazmat.primitives.asymmetric.utils import (
    decode_dss_signature,
    encode_dss_signature,
)
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import BasicConstraints, CertificateBuilder
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from enarx.errors import UnauthenticError
from enarx.tee.anchors import of_vendor
from enarx.tee.chain import MAX_DEPTH, MAX_SIGNATURES, extend, find_path, name_of
from enarx.tee.x509 import load_certificate

if TYPE_CHECKING:
    from tests.tee.chain.conftest import Party, Role, World

    from enarx.tee.x509 import Certificate

DAY = timedelta(days=1)


def refusal(caught: pytest.ExceptionInfo[UnauthenticError]) -> str:
    """The one failure of the error, as people read it."""
    (failure,) = caught.value.failures
    return str(failure)


def test_a_path_is_found_whatever_the_order(w: World) -> None:
    """Leaf first, the certificate that the pinned key signed last; then the pinned key."""
    leaf, above = w.middle.issue(w.device), w.root.issue(w.middle, w.role())
    own, other = w.root.issue(w.root, w.role()), w.middle.issue(w.middle, w.role())
    for pool in ((above, own, other, leaf), (leaf, other, own, above), (above,)):
        path = find_path(leaf, pool, (w.root.anchor(),), w.now)
        assert path.certificates == (leaf, above)
        assert path.leaf == leaf
        assert path.anchor == w.root.anchor()
        assert (path.not_before, path.not_after) == (w.role().start, w.role().end)


def test_a_path_tells_its_links(w: World) -> None:
    """Name, fingerprint and dates of each certificate; name and fingerprint of the pinned key."""
    leaf, above = w.middle.issue(w.device), w.root.issue(w.middle, w.role())
    shown = find_path(
        leaf, (above, w.root.issue(w.root, w.role())), (w.root.anchor(),), w.now
    ).links()
    assert [link.subject for link in shown] == ["CN=Device", "CN=Middle", "CN=Root"]
    assert shown[0].sha256 == leaf.fingerprint(hashes.SHA256())
    assert (shown[1].not_before, shown[1].not_after) == (w.role().start, w.role().end)
    assert shown[2].sha256 == w.root.anchor().sha256
    assert (shown[2].not_before, shown[2].not_after) == (None, None)


def test_validity_is_the_part_that_all_share(w: World) -> None:
    """The path begins with the certificate that begins last and ends with the first that ends."""
    leaf = w.middle.issue(w.device, w.role(ca=False, issues=False, start=w.now - DAY))
    above = w.root.issue(w.middle, w.role(end=w.now + DAY))
    path = find_path(leaf, (above,), (w.root.anchor(),), w.now)
    assert (path.not_before, path.not_after) == (w.now - DAY, w.now + DAY)


def test_another_edition_of_the_roots_certificate_is_no_obstacle(w: World) -> None:
    """The key is pinned: an expired or a renewed certificate of the same key changes nothing."""
    leaf, above = w.middle.issue(w.device), w.root.issue(w.middle, w.role())
    for edition in (w.role(end=w.now - DAY), w.role(start=w.now + DAY), w.role(serial=99)):
        pool = (w.root.issue(w.root, edition), above)
        assert find_path(leaf, pool, (w.root.anchor(),), w.now).certificates == (leaf, above)


def test_a_look_alike_root_vouches_for_nothing(w: World) -> None:
    """Attack: a self-signed root with the vendor's name, and everything below it."""
    evil = w.party("Root")
    pool = (evil.issue(evil, w.role()), evil.issue(w.middle, w.role()))
    with pytest.raises(UnauthenticError) as caught:
        find_path(w.middle.issue(w.device), pool, (w.root.anchor(),), w.now)
    assert (
        refusal(caught)
        == "Root: got a signature of another key, want a signature of the pinned key of Root"
    )
    with pytest.raises(UnauthenticError) as caught:
        find_path(w.middle.issue(w.device), pool[1:], (w.root.anchor(),), w.now)
    assert refusal(caught).endswith("want a signature of the pinned key of Root")


def test_another_key_with_the_authoritys_name(w: World) -> None:
    """Attack: a leaf of an impostor beside the true authority's certificate."""
    pool = (w.root.issue(w.middle, w.role()),)
    with pytest.raises(UnauthenticError) as caught:
        find_path(w.party("Middle").issue(w.device), pool, (w.root.anchor(),), w.now)
    assert refusal(caught) == "Device: got a signature of another key, want a signature of Middle"


@pytest.mark.parametrize("order", [1, -1])
def test_of_two_authorities_of_one_name_the_signer_counts(w: World, order: int) -> None:
    """Two certificates have the issuer's name; the one that signed is found in either order."""
    true, other = w.root.issue(w.middle, w.role()), w.root.issue(w.party("Middle"), w.role())
    pool = (true, other)[::order]
    leaf = w.middle.issue(w.device)
    assert find_path(leaf, pool, (w.root.anchor(),), w.now).certificates == (leaf, true)


@pytest.mark.parametrize("order", [1, -1])
def test_an_expired_edition_beside_the_current_one(w: World, order: int) -> None:
    """An authority's renewed certificate counts although the old one has the same name and key."""
    old, new = (
        w.root.issue(w.middle, w.role(end=w.now - DAY)),
        w.root.issue(w.middle, w.role(serial=2)),
    )
    pool = (new, old)[::order]
    leaf = w.middle.issue(w.device)
    assert find_path(leaf, pool, (w.root.anchor(),), w.now).certificates == (leaf, new)


@pytest.mark.parametrize("order", [1, -1])
def test_a_cross_signed_dead_end(w: World, order: int) -> None:
    """An edition of the authority's certificate by somebody unknown is left for the right one."""
    stranger = w.party("Stranger")
    dead, right = stranger.issue(w.middle, w.role()), w.root.issue(w.middle, w.role())
    pool = (stranger.issue(stranger, w.role()), *(right, dead)[::order])
    leaf = w.middle.issue(w.device)
    assert find_path(leaf, pool, (w.root.anchor(),), w.now).certificates == (leaf, right)


def test_authorities_that_issue_each_other(w: World) -> None:
    """Attack: a loop of certificates ends the search instead of keeping it."""
    other = w.party("Other")
    pool = (
        other.issue(w.middle, w.role()),
        w.middle.issue(other, w.role()),
        w.middle.issue(w.middle, w.role()),
    )
    with pytest.raises(UnauthenticError, match="want issued by Root"):
        find_path(w.middle.issue(w.device), pool, (w.root.anchor(),), w.now)


def test_certificates_of_one_name_without_end(w: World) -> None:
    """Attack: what looks like the issuer a thousand times is tried a bounded number of times."""
    junk = [w.party("Middle").issue(w.party("Middle"), w.role()) for _ in range(MAX_SIGNATURES)]
    right = w.root.issue(w.middle, w.role())
    leaf = w.middle.issue(w.device)
    few = (*junk[1:], *[junk[1]] * MAX_SIGNATURES, right)  # the same one again costs nothing
    found = find_path(leaf, few, (w.root.anchor(),), w.now)
    assert found.certificates == (leaf, right)
    with pytest.raises(UnauthenticError) as caught:
        find_path(leaf, (*junk, right), (w.root.anchor(),), w.now)
    assert refusal(caught) == (
        "Device: got 64 that were tried, and more, want a few certificates that may be 'Middle'"
    )


def test_editions_that_multiply(w: World) -> None:
    """Attack: a few editions at each of many levels would make thousands of paths."""
    levels = [w.party(f"Level {n}") for n in range(MAX_DEPTH)]
    pool = [
        upper.issue(lower, w.role(serial=n))
        for lower, upper in pairwise(levels)
        for n in range(1, 5)
    ]
    with pytest.raises(UnauthenticError):
        find_path(levels[0].issue(w.device), pool, (w.root.anchor(),), w.now)


def test_the_depth_is_bounded(w: World) -> None:
    """A path of the most certificates is found; one of one more is refused."""
    levels = [*(w.party(f"Level {n}") for n in range(MAX_DEPTH)), w.root]
    pool = [up.issue(low, w.role()) for low, up in pairwise(levels)]
    path = find_path(levels[0].issue(w.device), pool, (w.root.anchor(),), w.now)
    assert len(path.certificates) == MAX_DEPTH + 1
    deeper = w.party("Deeper")
    pool.append(levels[0].issue(deeper, w.role()))
    with pytest.raises(UnauthenticError) as caught:
        find_path(deeper.issue(w.device), pool, (w.root.anchor(),), w.now)
    assert refusal(caught) == "Level 6: got another one, want at most 8 authorities above a leaf"


def test_a_missing_issuer_is_named(w: World) -> None:
    """Without the authority's certificate: who is missing, and where paths may end."""
    leaf = w.middle.issue(w.device)
    with pytest.raises(UnauthenticError) as caught:
        find_path(leaf, (leaf,), (w.root.anchor(),), w.now)
    assert caught.value.step == "certificate chain"
    assert refusal(caught) == (
        "Device: got issuer 'Middle', want issued by Root, or the issuer's certificate"
    )
    with pytest.raises(UnauthenticError, match="want issued by a trust anchor"):
        find_path(leaf, (), (), w.now)


def test_names_without_a_common_name(w: World) -> None:
    """Where a certificate has no common name, its whole name is told."""
    nobody = w.party("", organisation="Nobody")
    assert name_of(w.root.issue(w.device)) == "Device"
    assert name_of(w.root.issue(nobody)) == "O=Nobody"
    with pytest.raises(UnauthenticError, match="issuer 'O=Nobody'"):
        find_path(nobody.issue(w.device), (), (w.root.anchor(),), w.now)


def test_a_key_under_another_name_is_no_issuer(w: World) -> None:
    """Attack: names chain as well as keys: a certificate of the issuer's key for somebody else."""
    twin = w.party("Twin", key=w.middle.key)
    leaf, pool = w.middle.issue(w.device), (w.root.issue(twin, w.role()),)
    with pytest.raises(UnauthenticError, match="issuer 'Middle'"):
        find_path(leaf, pool, (w.root.anchor(),), w.now)
    with pytest.raises(UnauthenticError, match="issuer 'Middle'"):
        find_path(leaf, (), (twin.anchor(),), w.now)


def test_an_anchor_is_no_leaf(w: World) -> None:
    """Attack: the root's own certificate, in any edition, given as the certificate of a device."""
    for edition in (w.role(), w.role(serial=2, ca=False, issues=False)):
        with pytest.raises(UnauthenticError) as caught:
            find_path(w.root.issue(w.root, edition), (), (w.root.anchor(),), w.now)
        assert refusal(caught) == (
            "Root: got the trust anchor's own, want a certificate below a trust anchor"
        )


def test_a_leaf_may_have_the_roots_name(w: World) -> None:
    """A certificate of the root's name for another key is one below it, if the root issued it."""
    leaf = w.root.issue(w.party("Root"))
    assert find_path(leaf, (), (w.root.anchor(),), w.now).certificates == (leaf,)


def test_anchors_of_another_vendor_do_not_vouch(w: World) -> None:
    """Attack: an Intel root above a certificate that should be AMD's."""
    leaf, anchors = w.root.issue(w.device), (w.root.anchor("intel"),)
    assert find_path(leaf, (), of_vendor(anchors, "intel"), w.now).anchor.vendor == "intel"
    with pytest.raises(UnauthenticError):
        find_path(leaf, (), of_vendor(anchors, "amd"), w.now)


def test_of_two_anchors_of_one_name_the_signer_counts(w: World) -> None:
    """A vendor's new root has the old one's name; the key decides."""
    anchors = (w.party("Root").anchor(), w.root.anchor())
    assert find_path(w.root.issue(w.device), (), anchors, w.now).anchor == anchors[1]


def test_a_pinned_key_without_name_issues_nothing(w: World) -> None:
    """A key that signs tokens only is no authority, not even of a certificate with empty issuer."""
    nameless = w.party("")
    with pytest.raises(UnauthenticError):
        find_path(nameless.issue(w.device), (), (nameless.anchor(),), w.now)


def test_a_stranger_with_an_unusable_key_is_passed_over(w: World) -> None:
    """A certificate of the authority's or the root's name for a key that signs nothing."""
    leaf, right = w.middle.issue(w.device), w.root.issue(w.middle, w.role())
    odd = [unusable(name, w.root, w.role()) for name in ("Middle", "Root")]
    path = find_path(leaf, (*odd, right), (w.root.anchor(),), w.now)
    assert path.certificates == (leaf, right)
    with pytest.raises(UnauthenticError):
        find_path(odd[1], (), (w.middle.anchor(), w.root.anchor("amd"))[:1], w.now)


def unusable(name: str, issuer: Party, role: Role) -> Certificate:
    """A certificate of *name* for an X25519 key."""
    subject = type(issuer)(name=name).subject
    made = (
        CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.subject)
        .public_key(x25519.X25519PrivateKey.generate().public_key())
        .serial_number(1)
        .not_valid_before(role.start)
        .not_valid_after(role.end)
        .add_extension(BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(issuer.key, hashes.SHA256())
    )
    return load_certificate(made.public_bytes(Encoding.DER), name)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(data=st.data())
def test_what_else_lies_around_changes_nothing(w: World, data: st.DataObject) -> None:
    """Whatever else is in the pool, in whatever order, the same path is found."""
    leaf, right = w.middle.issue(w.device), w.root.issue(w.middle, w.role())
    stranger = w.party("Stranger")
    others = [
        w.middle.issue(w.middle, w.role()), w.root.issue(w.root, w.role()),
        stranger.issue(w.middle, w.role()),
        stranger.issue(w.root, w.role()), w.party("Middle").issue(w.party("Middle"), w.role()),
        w.root.issue(w.middle, w.role(end=w.now - DAY)),
        w.root.issue(w.party("Middle"), w.role()), leaf, right,
    ]  # fmt: skip
    chosen = data.draw(st.lists(st.sampled_from(range(len(others))), max_size=12))
    pool = data.draw(st.permutations([right, *(others[n] for n in chosen)]))
    assert find_path(leaf, pool, (w.root.anchor(),), w.now).certificates == (leaf, right)


def test_a_path_can_be_extended(w: World) -> None:
    """One more certificate below a verified path gives what the search from it would give."""
    above = w.root.issue(w.middle, w.role(end=w.now + DAY))
    path = find_path(above, (), (w.root.anchor(),), w.now)
    leaf = w.middle.issue(w.device)
    assert extend(path, leaf, w.now) == find_path(leaf, (above,), (w.root.anchor(),), w.now)


def test_only_what_the_leaf_issued_extends_a_path(w: World) -> None:
    """Another issuer's name, another key, a date or a leaf that may not issue: refused."""
    path = find_path(w.root.issue(w.middle, w.role()), (), (w.root.anchor(),), w.now)
    with pytest.raises(UnauthenticError) as caught:
        extend(path, w.party("Other").issue(w.device), w.now)
    assert refusal(caught) == "Device: got issuer 'Other', want issued by Middle"
    with pytest.raises(UnauthenticError) as caught:
        extend(path, w.party("Middle").issue(w.device), w.now)
    assert refusal(caught) == "Device: got of another key, want a signature of Middle"
    with pytest.raises(UnauthenticError, match="certificate validity"):
        extend(path, w.middle.issue(w.device, w.role(end=w.now - DAY)), w.now)
    ended = find_path(w.root.issue(w.device), (), (w.root.anchor(),), w.now)
    with pytest.raises(UnauthenticError, match="want a certificate authority"):
        extend(ended, w.device.issue(w.party("Below")), w.now)


def test_a_malleable_signature_changes_nothing_signed(w: World) -> None:
    """ECDSA: (r, n-s) signs as well as (r, s); what it signs is the same, and the path holds."""
    leaf = w.root.issue(w.device)
    r, s = decode_dss_signature(leaf.signature)
    other = encode_dss_signature(r, ec.SECP256R1().group_order - s)
    twin = w.reassembled(leaf.tbs_certificate_bytes, other)
    path = find_path(twin, (), (w.root.anchor(),), w.now)
    assert twin != leaf
    assert path.leaf.tbs_certificate_bytes == leaf.tbs_certificate_bytes
