"""Whatever carries evidence is opened by content, bounded, or refused with what it looked like."""

from __future__ import annotations

import base64
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enarx.errors import MalformedError, UnauthenticError
from enarx.evidence import cmw
from enarx.evidence.container import MAX_BYTES, open_container, take_evidence
from enarx.evidence.opened import Content, Piece
from enarx.tee.endorsements import Endorsements
from enarx.tee.technology import Technology
from enarx.wire import cbor, text

Technologies = tuple[Technology, ...]


def lines(data: bytes) -> bytes:
    """Text as the usual tools break it."""
    return b"".join(data[at : at + 60] + b"\n" for at in range(0, len(data), 60))


@pytest.mark.parametrize("name", ["snp", "sgx", "tdx", "nitro", "cca"])
def test_bare_evidence_is_recognised(
    name: str, evidence: dict[str, bytes], technologies: Technologies
) -> None:
    """Evidence by itself needs no container, and names no key."""
    opened = open_container(evidence[name], "file", technologies)
    assert (opened.evidence, opened.technology.name) == (evidence[name], name)
    assert (opened.containers, opened.binding, opened.claims) == ((), None, b"")
    assert opened.endorsements == Endorsements()


@pytest.mark.parametrize(
    ("spell", "name"),
    [
        (lambda data: data.hex().encode(), "hexadecimal text"),
        (lambda data: b"0x" + data.hex().upper().encode() + b"\n", "hexadecimal text"),
        (lambda data: lines(data.hex().encode()), "hexadecimal text"),
        (base64.b64encode, "base64 text"),
        (lambda data: lines(base64.b64encode(data)), "base64 text"),
        (lambda data: lines(base64.b64encode(data)).replace(b"\n", b"\r\n"), "base64 text"),
        (lambda _: base64.urlsafe_b64encode(b"\x02\0\0\0" + b"\xff" * 1181), "base64url text"),
    ],
)
def test_text_of_evidence_is_read(
    spell: Callable[[bytes], bytes],
    name: str,
    evidence: dict[str, bytes],
    technologies: Technologies,
) -> None:
    """Hexadecimal, base64 and base64url, in one line or more, if the whole is that."""
    opened = open_container(spell(evidence["snp"]), "file", technologies)
    assert opened.evidence.startswith(evidence["snp"][:4])
    assert opened.containers == (name,)


@pytest.mark.parametrize("name", ["snp", "sgx", "tdx"])
def test_zeros_behind_evidence_are_dropped(
    name: str, evidence: dict[str, bytes], technologies: Technologies
) -> None:
    """Buffers of a fixed size end in zeros, which are no part of the evidence."""
    opened = open_container(evidence[name].ljust(8000, b"\0"), "file", technologies)
    assert opened.evidence == evidence[name]
    assert opened.containers == ("padded buffer",)


@pytest.mark.parametrize("name", ["sgx", "tdx"])
def test_anything_else_behind_a_quote_is_refused(
    name: str, evidence: dict[str, bytes], technologies: Technologies
) -> None:
    """One byte that is not zero behind a quote is an error that says where to cut."""
    size = len(evidence[name])
    with pytest.raises(MalformedError, match="101 trailing bytes") as refused:
        open_container(evidence[name] + bytes(100) + b"x", "file", technologies)
    assert refused.value.hints == (f"if the rest is not yours, cut it off: head -c {size}",)


def test_nothing_is_no_evidence(technologies: Technologies) -> None:
    """An empty file is named as such."""
    with pytest.raises(MalformedError, match=r"^file: is empty$"):
        open_container(b"", "file", technologies)


def test_huge_input_is_refused_before_it_is_read(technologies: Technologies) -> None:
    """The size is checked first."""
    with pytest.raises(MalformedError, match=f"want at most {MAX_BYTES}"):
        open_container(bytes(MAX_BYTES + 1), "file", technologies)
    with pytest.raises(MalformedError, match=r"begins with 0000000000000000$"):
        open_container(bytes(MAX_BYTES), "file", technologies)
    assert MAX_BYTES == 16 << 20


@pytest.mark.parametrize(
    ("data", "want"),
    [
        (b"\x7fELF\x02\x01\x01\0\0", "no evidence that is known here begins with 7f454c4602010100"),
        (b"hello, world", "begins with 68656c6c6f2c2077"),
        (b"\r\n", "begins with 0d0a"),
        (b"ffff", "begins with ffff"),
        (b"A===", "begins with 413d3d3d"),
        (b"QQ=\n", "not base64"),
        (b"QR==", "not canonical base64"),
        (b"abc", "not hexadecimal digits"),
        (b"{}", "a collection without an entry"),
        (b"[]", "got 0 members, want 2 or 3"),
        (b"[1", "is not JSON"),
        (b"\x82\x01", "file at 0x0: 2 elements in 1 bytes"),
        (b"0\x80", "not the DER of its type"),
        (
            b"-----BEGIN RSA PRIVATE KEY-----\nAA==\n-----END RSA PRIVATE KEY-----\n",
            "RSA PRIVATE KEY",
        ),
        (b"-----BEGIN CERTIFICATE-----\n", "has no end"),
    ],
)
def test_what_is_not_understood_is_refused(
    data: bytes, want: str, technologies: Technologies
) -> None:
    """The error says how the input begins, or which container is damaged and how."""
    with pytest.raises(MalformedError) as refused:
        open_container(data, "file", technologies)
    assert want in str(refused.value)


def test_the_refusal_says_what_is_understood(technologies: Technologies) -> None:
    """The hint names the technologies that are known, or that none is."""
    for known, want in (
        (technologies, "evidence of snp, sgx, tdx, nitro, cca"),
        ((), "no technology"),
    ):
        with pytest.raises(MalformedError) as refused:
            open_container(b"??", "file", known)
        assert want in refused.value.hints[0]


def test_text_in_text_has_an_end(evidence: dict[str, bytes], technologies: Technologies) -> None:
    """Four spellings inside each other are read, a fifth is not."""
    data = evidence["snp"]
    for _ in range(4):
        data = data.hex().encode()
    assert open_container(data, "file", technologies).evidence == evidence["snp"]
    with pytest.raises(MalformedError, match="text in text, deeper than 4"):
        open_container(data.hex().encode(), "file", technologies)


def test_evidence_of_the_wrong_kind_is_refused(
    evidence: dict[str, bytes], technologies: Technologies
) -> None:
    """A container that says TDX and holds SGX is damaged or dishonest."""
    wrapped = cmw.wrap(evidence["sgx"], "tdx", Endorsements(), "json")
    with pytest.raises(MalformedError, match="said to be made-up tdx, and does not begin like one"):
        open_container(wrapped, "file", technologies)


def test_evidence_of_an_unknown_kind_is_refused(
    evidence: dict[str, bytes], technologies: Technologies
) -> None:
    """A technology that is not in the registry is named."""
    wrapped = cmw.wrap(evidence["sgx"], "sev-es", Endorsements(), "cbor")
    with pytest.raises(MalformedError, match="evidence of 'sev-es', which is not known here"):
        open_container(wrapped, "file", technologies)


def test_generic_types_are_decided_by_content(
    evidence: dict[str, bytes], technologies: Technologies
) -> None:
    """A message that only says "octets" is what a technology recognises, or refused."""
    record = cbor.encode(("application/octet-stream", evidence["tdx"]))
    assert open_container(record, "file", technologies).technology.name == "tdx"
    with pytest.raises(MalformedError, match="begins with 3f3f"):
        open_container(cbor.encode(("application/octet-stream", b"??")), "file", technologies)


def test_one_piece_of_evidence_is_verified_at_a_time(
    evidence: dict[str, bytes], technologies: Technologies
) -> None:
    """No evidence and two pieces are refused alike."""
    piece = Piece(data=evidence["snp"])
    for pieces in ((), (piece, piece)):
        with pytest.raises(
            MalformedError, match=f"^file: {len(pieces)} pieces of evidence, want one$"
        ):
            take_evidence(Content(evidence=pieces), "file", technologies)


def test_pem_holds_a_certificate_and_its_chain(
    evidence: dict[str, bytes],
    technologies: Technologies,
    certificate_with: Callable[..., bytes],
    key: object,
) -> None:
    """The first block has the evidence; what follows is the chain of a certificate."""
    made = certificate_with(key, [("1.2.840.113741.1337.6", evidence["sgx"])])
    pem = text.to_pem("CERTIFICATE", made) + text.to_pem("CERTIFICATE", b"issuer")
    opened = open_container(pem, "file", technologies)
    assert opened.containers == ("PEM", "X.509 certificate", "RA-TLS quote (legacy)")


def test_tagged_evidence_stands_by_itself(
    evidence: dict[str, bytes], technologies: Technologies
) -> None:
    """A quote and its claims under the CBOR tag are opened without a certificate, too."""
    claims = cbor.encode({"pubkey-hash": cbor.encode((1, bytes(32)))})
    data = cbor.encode(cbor.Tag(60000, (evidence["tdx"], claims)))
    opened = open_container(data, "file", technologies)
    assert (opened.technology.name, opened.claims, opened.binding) == ("tdx", claims, None)


@given(st.binary(max_size=200))
def test_junk_is_our_error(data: bytes) -> None:
    """Whatever arrives is opened or ends in an error of ours."""
    for begin in (
        b"",
        b"0",
        b"[",
        b"{",
        b"\x82",
        b"\xa1",
        b"\xd9\xea\x60",
        b"-----BEGIN CERTIFICATE-----",
    ):
        with pytest.raises((MalformedError, UnauthenticError)):
            open_container(begin + data, "file", ())


@pytest.mark.parametrize(
    "bomb",
    [
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b"\x81" * 100_000,
        b"\xa1\x00" * 100_000,
        b"0\x80" * 100_000,
    ],
)
def test_nesting_bombs_are_refused(bomb: bytes, technologies: Technologies) -> None:
    """A hundred thousand openings end in an error of ours, at once."""
    with pytest.raises(MalformedError):
        open_container(bomb, "file", technologies)


@pytest.mark.parametrize("data", [b'{"platform": "snp"}', b"[1, 2]", b"\x82\x01\x02"])
def test_what_only_begins_like_a_wrapper_is_refused_as_one(
    data: bytes, technologies: Technologies
) -> None:
    """Any other JSON or CBOR says why it was read as a wrapper."""
    with pytest.raises(MalformedError) as refused:
        open_container(data, "file", technologies)
    assert "read as a conceptual message wrapper" in refused.value.hints[0]
