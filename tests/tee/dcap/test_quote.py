"""Quotes of all versions: what is taken apart, and what is refused."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enarx.errors import MalformedError
from enarx.tee.dcap.certification import PckGiven
from enarx.tee.dcap.layout import HeaderV3, HeaderV4
from enarx.tee.dcap.quote import MAX_SIGNATURE_BYTES, parse_quote, recognise

if TYPE_CHECKING:
    from tests.tee.conftest import QuoteForge


BODIES = {1: 384, 2: 584, 3: 648, 4: 885}


@pytest.fixture
def quotes(tdx_forge: QuoteForge, sgx_forge: QuoteForge) -> dict[tuple[int, str, int], bytes]:
    """A quote for each version, technology and body that there is."""
    tdx, sgx = tdx_forge, sgx_forge
    longer = {kind: tdx.body.ljust(BODIES[kind], b"\0") for kind in (2, 3, 4)}
    made = {
        (3, "sgx", 1): sgx,
        (4, "sgx", 1): replace(sgx, version=4),
        (5, "sgx", 1): replace(sgx, version=5),
        (4, "tdx", 2): tdx,
    } | {(5, "tdx", kind): replace(tdx, version=5, body=body) for kind, body in longer.items()}
    return {key: forge.make() for key, forge in made.items()}


def test_every_kind_of_quote_is_taken_apart(quotes: dict[tuple[int, str, int], bytes]) -> None:
    """Version, technology and body are as written, and the signed bytes are header and body."""
    assert len(quotes) == 7
    for (version, tee, body_type), raw in quotes.items():
        quote = parse_quote(raw)
        assert recognise(raw) == tee
        assert (quote.header.version, quote.tee, quote.body_type) == (version, tee, body_type)
        assert len(quote.body) == BODIES[body_type]
        assert quote.signed == raw[: 48 + 6 * (version == 5) + len(quote.body)]
        assert quote.signed.endswith(quote.body)
        assert quote.raw is raw
        assert isinstance(quote.header, HeaderV3 if version == 3 else HeaderV4)
        assert isinstance(quote.certification, PckGiven)
        assert quote.carried.certificates == quote.certification.certificates
        assert len(quote.qe_id) == 16
        assert quote.qe_id == quote.header.user_data[:16]


def test_every_truncation_is_malformed(quotes: dict[tuple[int, str, int], bytes]) -> None:
    """A quote that is cut anywhere is refused, whatever its version."""
    for raw in quotes.values():
        step = 1 if len(raw) < 1_500 else 7
        for size in range(0, len(raw), step):
            with pytest.raises(MalformedError):
                parse_quote(raw[:size])


def test_trailing_bytes_are_refused_with_what_to_do(tdx_forge: QuoteForge) -> None:
    """A buffer that is longer than its quote is refused; the hint says where the quote ends."""
    raw = tdx_forge.make()
    for tail in (b"\0", bytes(3_000), b"x"):
        with pytest.raises(MalformedError, match=f"{len(tail)} trailing bytes") as refused:
            parse_quote(raw + tail)
        assert str(len(raw)) in refused.value.hints[0]


@pytest.mark.parametrize("version", [0, 1, 2, 6, 0x103])
def test_unknown_versions_are_refused(tdx_forge: QuoteForge, version: int) -> None:
    """Only versions 3, 4 and 5 are read, and none is guessed."""
    raw = version.to_bytes(2, "little") + tdx_forge.make()[2:]
    with pytest.raises(MalformedError, match=f"version: got {version}, want 3, 4 or 5|version"):
        parse_quote(raw)


@pytest.mark.parametrize("tee_type", [1, 0x80, 0x82, 0x8100_0000])
def test_unknown_tee_types_are_refused(tdx_forge: QuoteForge, tee_type: int) -> None:
    """Only SGX and TDX are read."""
    raw = replace(tdx_forge, header={"tee_type": tee_type}).make()
    with pytest.raises(MalformedError, match="tee_type"):
        parse_quote(raw)


@pytest.mark.parametrize(
    ("tee", "body_type"), [("tdx", 1), ("tdx", 5), ("sgx", 2), ("sgx", 3), ("sgx", 9)]
)
def test_bodies_belong_to_their_technology(
    tdx_forge: QuoteForge, sgx_forge: QuoteForge, tee: str, body_type: int
) -> None:
    """Version 5 cannot give an enclave's report as a trust domain's, nor an unknown body."""
    forge = tdx_forge if tee == "tdx" else sgx_forge
    with pytest.raises(MalformedError, match=f"body_type.*got {body_type}"):
        parse_quote(replace(forge, version=5, body_type=body_type).make())


@pytest.mark.parametrize("size", [0, 583, 585, 648, 0xFFFF_FFFF])
def test_bodies_have_their_size(tdx_forge: QuoteForge, size: int) -> None:
    """The size that version 5 states must be the body's."""
    raw = bytearray(replace(tdx_forge, version=5).make())
    raw[50:54] = size.to_bytes(4, "little")
    with pytest.raises(MalformedError, match="body_size"):
        parse_quote(bytes(raw))


def test_huge_lengths_are_refused_before_anything_is_taken(tdx_forge: QuoteForge) -> None:
    """The length of the signature section is bounded, and every inner one by what is there."""
    raw = bytearray(tdx_forge.make())
    raw[632:636] = (MAX_SIGNATURE_BYTES + 1).to_bytes(4, "little")
    with pytest.raises(MalformedError, match=r"signature.*at most"):
        parse_quote(bytes(raw))
    raw = bytearray(tdx_forge.make())
    raw[766:770] = b"\xff" * 4
    with pytest.raises(MalformedError, match="certification"):
        parse_quote(bytes(raw))


@pytest.mark.parametrize("kind", [0, 5, 7])
def test_versions_4_and_5_have_the_envelope(tdx_forge: QuoteForge, kind: int) -> None:
    """What surrounds the quoting enclave's report is of type 6."""
    with pytest.raises(MalformedError, match=f"got {kind}, want 6"):
        parse_quote(replace(tdx_forge, envelope=kind).make())


@pytest.mark.parametrize("kind", [0, 6, 8, 0xFFFF])
def test_inside_there_is_no_other_envelope(
    tdx_forge: QuoteForge, sgx_forge: QuoteForge, kind: int
) -> None:
    """Type 6 is nowhere but around, and unknown types are refused."""
    for forge in (tdx_forge, sgx_forge):
        with pytest.raises(MalformedError, match=f"got {kind}, want 1 to 5 or 7"):
            parse_quote(replace(forge, kind=kind).make())


def test_nothing_lies_between_the_parts(sgx_forge: QuoteForge) -> None:
    """Bytes behind the certification data, inside the signature section, are refused."""
    raw = bytearray(sgx_forge.make() + b"\0")
    raw[432:436] = (len(raw) - 436).to_bytes(4, "little")
    with pytest.raises(MalformedError, match="1 trailing bytes"):
        parse_quote(bytes(raw))


def test_a_damaged_qe_report_is_malformed(tdx_forge: QuoteForge) -> None:
    """Reserved bytes of the quoting enclave's report are checked as those of any enclave."""
    raw = bytearray(tdx_forge.make())
    raw[770 + 96] = 1
    with pytest.raises(MalformedError, match=r"quote\.qe_report\.reserved_96"):
        parse_quote(bytes(raw))


@given(st.binary(max_size=1_200))
def test_junk_is_malformed(junk: bytes) -> None:
    """Whatever arrives is refused as malformed."""
    recognise(junk)
    with pytest.raises(MalformedError):
        parse_quote(junk)


@given(edits=st.lists(st.tuples(st.integers(0, 5_000), st.integers(0, 255)), max_size=6))
def test_edited_quotes_are_parsed_or_malformed(
    tdx_forge: QuoteForge, edits: list[tuple[int, int]]
) -> None:
    """Edits anywhere end in a quote of the same bytes, or in the one error."""
    raw = bytearray(tdx_forge.make())
    for offset, value in edits:
        raw[offset % len(raw)] = value
    with contextlib.suppress(MalformedError):
        assert parse_quote(bytes(raw)).raw == bytes(raw)


def test_what_is_recognised(tdx_forge: QuoteForge, sgx_forge: QuoteForge) -> None:
    """The vendor or a known beginning is enough; what the parser refuses is told by the parser."""
    tdx, sgx = tdx_forge.make(), sgx_forge.make()
    assert recognise(tdx[:48]) == "tdx"
    assert recognise(tdx[:47]) is None
    assert recognise(b"\x06\x00" + tdx[2:]) == "tdx"
    assert recognise(sgx[:12] + bytes(16) + sgx[28:]) == "sgx"
    assert recognise(b"\x06\x00" + sgx[2:12] + bytes(16) + sgx[28:]) is None
    assert recognise(b"\x03" + bytes(1183)) is None  # an SNP report of version 3
