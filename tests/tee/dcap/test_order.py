"""Order decides nothing: of certificates in a quote, and of anything in the bag of endorsements."""

from __future__ import annotations

from dataclasses import fields, replace
from itertools import permutations
from typing import TYPE_CHECKING

from hypothesis import given, settings
from hypothesis import strategies as st

from enarx.tee.dcap.layout import BodyDescriptor
from enarx.tee.dcap.quote import BODY_BYTES, BODY_SGX, parse_quote
from enarx.tee.endorsements import Endorsements
from enarx.wire.record import pack
from enarx.wire.text import to_pem

if TYPE_CHECKING:
    from tests.tee.conftest import QuoteForge
    from tests.tee.dcap.conftest import Bench


def test_every_order_of_certificates_in_a_quote(bench: Bench) -> None:
    """All six orders of a chain prove the same."""
    honest = bench.authenticate()
    certificates = bench.tdx.machine.certificates()
    for chain in permutations(certificates):
        text = b"".join(to_pem("CERTIFICATE", der) for der in chain)
        found = bench.quoting(certification=text).authenticate()
        assert (found.claims, found.chain) == (honest.claims, honest.chain)


@settings(max_examples=50)
@given(data=st.data())
def test_any_order_of_endorsements(bench: Bench, data: st.DataObject) -> None:
    """With another model's, an older set's and damaged items among them, in any order."""
    honest = bench.authenticate()
    older = replace(bench.tdx.tcb_info(), evaluation_number=1)
    others = (
        bench.of(fmspc=b"\x22" * 6).endorsements,
        bench.tdx.endorsements(tcb_info=older),
        Endorsements(certificates=(b"x",), crls=(b"x",), tcb_infos=(b"{}",), qe_identities=(b"",)),
    )
    bag = bench.endorsements
    for other in others:
        bag = bag + other
    shuffled = {
        field.name: tuple(data.draw(st.permutations(getattr(bag, field.name))))
        for field in fields(Endorsements)
    }
    found = bench.given(**shuffled).authenticate()
    assert (found.claims, found.chain) == (honest.claims, honest.chain)
    assert (found.not_after, found.collateral_issued) == (
        honest.not_after,
        honest.collateral_issued,
    )


@settings(max_examples=50)
@given(data=st.data())
def test_a_quote_is_taken_apart_into_what_it_was_made_of(
    tdx_forge: QuoteForge, sgx_forge: QuoteForge, data: st.DataObject
) -> None:
    """Any body, user data and authentication data come back, and the signed bytes with them."""
    kind = data.draw(st.sampled_from(sorted(BODY_BYTES)))
    forge = sgx_forge if kind == BODY_SGX else tdx_forge
    versions = {1: (3, 4, 5), 2: (4, 5)}.get(kind, (5,))
    size = BODY_BYTES[kind]
    forge = replace(
        forge,
        version=data.draw(st.sampled_from(versions)),
        body=data.draw(st.binary(min_size=size, max_size=size)),
        header={"user_data": data.draw(st.binary(min_size=20, max_size=20))},
        authentication=data.draw(st.binary(max_size=300)),
    )
    raw = forge.make()
    quote = parse_quote(raw)
    descriptor = pack(BodyDescriptor(body_type=kind, size=size)) if forge.version == 5 else b""
    assert pack(quote.header) + descriptor + quote.body == quote.signed == raw[: len(quote.signed)]
    assert (quote.raw, quote.body, quote.body_type) == (raw, forge.body, kind)
    assert quote.header.user_data == forge.header["user_data"]
    assert quote.qe_auth == forge.authentication
    assert pack(quote.qe) == quote.qe_signed
    assert quote.carried.certificates == forge.machine.certificates()
