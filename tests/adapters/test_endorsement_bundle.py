"""A bundle carries endorsements unchanged, and the same ones always in the same bytes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enarx.adapters import endorsement_bundle
from enarx.adapters.endorsement_content import recognise
from enarx.errors import MalformedError
from enarx.evidence import cmw, media
from enarx.tee.endorsements import Endorsements

if TYPE_CHECKING:
    from collections.abc import Callable

TYPE = "__cmwc_t"


def sets(bag: Endorsements) -> dict[str, set[bytes]]:
    """The items by kind, without their order."""
    return {name: set(getattr(bag, name)) for name in Endorsements.__dataclass_fields__}


def test_what_was_bundled_comes_back(everything: Endorsements) -> None:
    """Every kind, byte for byte; a bundle of that has the same bytes again."""
    data = endorsement_bundle.write(everything)
    found = endorsement_bundle.read(data, "bundle")
    assert sets(found) == sets(everything)
    assert endorsement_bundle.write(found) == data
    assert recognise(data, "bundle") == (found, ())


def test_order_and_repetition_do_not_change_the_bytes(everything: Endorsements) -> None:
    """So its digest says what is in it."""
    reversed_bag = Endorsements(
        certificates=everything.certificates[::-1],
        crls=everything.crls[::-1] * 2,
        tcb_infos=everything.tcb_infos,
        qe_identities=everything.qe_identities,
    )
    assert endorsement_bundle.write(reversed_bag) == endorsement_bundle.write(everything)


def test_a_bundle_of_nothing_is_empty_and_readable() -> None:
    """It is one line, without an entry."""
    data = endorsement_bundle.write(Endorsements())
    assert data == b'{"__cmwc_t":"tag:enarx.dev,2026:endorsements"}\n'
    assert not endorsement_bundle.read(data, "bundle")


def test_other_readers_of_the_standard_read_it(everything: Endorsements) -> None:
    """Our reader of evidence's wrappers sees the same messages, as endorsements."""
    messages = cmw.read(endorsement_bundle.write(everything), "bundle")
    assert {message.indicator for message in messages} == {cmw.ENDORSEMENTS}
    kinds = {
        media.CERTIFICATE: "certificates",
        media.CRL: "crls",
        media.TCB_INFO: "tcb_infos",
        media.QE_IDENTITY: "qe_identities",
    }
    found: dict[str, set[bytes]] = {name: set() for name in kinds.values()}
    for message in messages:
        found[kinds[message.media.name]].add(message.value)
    assert found == sets(everything)


def changed(everything: Endorsements, change: Callable[[dict[str, object]], object]) -> bytes:
    """A bundle after *change*."""
    value = json.loads(endorsement_bundle.write(everything))
    change(value)
    return json.dumps(value).encode()


@pytest.mark.parametrize(
    ("record", "problem"),
    [
        (None, "want [media type"),
        ([], "want [media type"),
        (["application/pkix-cert", "AA"], "want [media type"),
        (["application/pkix-cert", "AA", 2, 2], "want [media type"),
        (["application/pkix-cert", "AA", 4], "want [media type"),
        (["application/pkix-cert", "AA", True], "want [media type"),
        (["application/pkix-cert", 7, 2], "want [media type"),
        (["text/plain", "AA", 2], "got media type 'text/plain'"),
        ([["text/plain"], "AA", 2], "got media type"),
        (["application/pkix-cert", "A", 2], "not base64"),
        (["application/pkix-cert", "AA==", 2], "not canonical base64"),
        (["application/pkix-cert", "AB", 2], "not canonical base64"),
        (["application/pkix-cert", "AA", 2], "not a certificate"),
        (["application/pkix-crl", "AA", 2], "not a revocation list"),
    ],
)
def test_a_record_of_another_form_is_refused(record: object, problem: str) -> None:
    """The error names the entry."""
    data = json.dumps({TYPE: endorsement_bundle.TYPE, "entry": record}).encode()
    with pytest.raises(MalformedError) as caught:
        endorsement_bundle.read(data, "bundle")
    assert "'entry'" in caught.value.where
    assert problem in caught.value.problem


@pytest.mark.parametrize(
    "kind", [None, 7, "tag:enarx.dev,2026:evidence", "tag:enarx.dev,2027:endorsements"]
)
def test_another_collection_is_refused(everything: Endorsements, kind: object) -> None:
    """A later version, or evidence, is not guessed at."""
    data = changed(everything, lambda value: value.update({TYPE: kind}))
    with pytest.raises(MalformedError, match="got a collection of type"):
        endorsement_bundle.read(data, "bundle")


def test_too_many_items_and_bytes_are_refused() -> None:
    """Both are counted before any item is looked at."""
    many = {str(n): None for n in range(endorsement_bundle.MAX_ITEMS + 1)}
    data = json.dumps({TYPE: endorsement_bundle.TYPE, **many}).encode()
    with pytest.raises(MalformedError, match="4097 items, want at most 4096"):
        endorsement_bundle.read(data, "bundle")
    with pytest.raises(MalformedError, match="want at most 67108864"):
        endorsement_bundle.read(b" " * (endorsement_bundle.MAX_BYTES + 1), "bundle")


@given(
    st.recursive(
        st.none() | st.integers() | st.text(), lambda s: st.lists(s) | st.dictionaries(st.text(), s)
    )
)
def test_any_json_ends_in_our_error(value: object) -> None:
    """Whatever stands where records should be."""
    for whole in (value, {TYPE: endorsement_bundle.TYPE, "x": value}):
        with pytest.raises(MalformedError):
            endorsement_bundle.read(json.dumps(whole).encode(), "bundle")
