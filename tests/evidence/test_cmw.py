"""Conceptual message wrappers: the draft's own examples, round trips, and hostile ones."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enarx.errors import MalformedError
from enarx.evidence import cmw, media, messages
from enarx.evidence.container import open_container
from enarx.evidence.opened import Piece
from enarx.tee.endorsements import Endorsements
from enarx.tee.technology import Technology
from enarx.wire import cbor, text

ITEMS = st.lists(st.binary(max_size=40), max_size=3, unique=True).map(tuple)
BAGS = st.builds(Endorsements, certificates=ITEMS, crls=ITEMS, tcb_infos=ITEMS, qe_identities=ITEMS)
FORMS = st.sampled_from(["cbor", "json"])

OCTETS = "application/octet-stream"


def dumped(value: object) -> bytes:
    """JSON as anybody writes it."""
    return json.dumps(value).encode()


@given(st.binary(max_size=200), BAGS, FORMS)
def test_what_is_wrapped_is_unwrapped(data: bytes, bag: Endorsements, form: cmw.Form) -> None:
    """Evidence and every endorsement come back as they went in, in both forms."""
    opened = messages.unwrap(cmw.wrap(data, "snp", bag, form), "x")
    assert opened.evidence == (Piece(data=data, technology="snp"),)
    assert opened.endorsements == bag
    assert opened.containers == (f"CMW in {form.upper()}",)


@pytest.mark.parametrize("form", ["cbor", "json"])
@pytest.mark.parametrize("name", ["snp", "sgx", "tdx", "nitro", "cca"])
def test_wrapped_evidence_is_opened(
    form: cmw.Form,
    name: str,
    evidence: dict[str, bytes],
    technologies: tuple[Technology, ...],
) -> None:
    """Every technology's evidence goes through a wrapper with its endorsements."""
    bag = Endorsements(certificates=(b"c",), tcb_infos=(b"{}",))
    opened = open_container(cmw.wrap(evidence[name], name, bag, form), "file", technologies)
    assert (opened.evidence, opened.technology.name) == (evidence[name], name)
    assert opened.endorsements == bag


@given(st.binary(max_size=99), BAGS, FORMS)
def test_wrappers_are_deterministic(data: bytes, bag: Endorsements, form: cmw.Form) -> None:
    """The same input gives the same bytes, in CBOR in core deterministic encoding."""
    made = cmw.wrap(data, "tdx", bag, form)
    assert made == cmw.wrap(data, "tdx", bag, form)
    if form == "cbor":
        cbor.decode(made, "x", canonical=True)


def test_evidence_alone_is_a_record() -> None:
    """Without endorsements nothing but the record is written."""
    made = cmw.wrap(b"\xfb\xff", "snp", Endorsements(), "json")
    assert made == b'["application/vnd.enarx.evidence.snp","-_8",4]'


@pytest.mark.parametrize(
    ("data", "want"),
    [
        (dumped([OCTETS, "I0faVQ"]), [("", OCTETS, "2347da55", 0)]),
        (dumped([OCTETS, "I0faVQ", 4]), [("", OCTETS, "2347da55", 4)]),
        (cbor.encode((OCTETS, b"#G\xdaU")), [("", OCTETS, "2347da55", 0)]),
        (cbor.encode((42, b"#G\xdaU", 31)), [("", OCTETS, "2347da55", 31)]),
        (bytes.fromhex("9f182a4100ff"), [("", OCTETS, "00", 0)]),
        (cbor.encode(cbor.Tag(media.tag_of(42), b"x")), [("", OCTETS, "78", 0)]),
        (
            dumped({"attester A": ["application/eat-ucs+json", "e30K", 4], "B": ["a/b", "oA", 8]}),
            [("attester A", "application/eat-ucs+json", "7b7d0a", 4), ("B", "a/b", "a0", 8)],
        ),
        (
            cbor.encode({cmw.TYPE_KEY: "tag:example.com,2024:composite-attester", 0: (42, b"x", 4),
                         1: cbor.Tag(media.tag_of(263), b"y"), -2: {"z": ("c/d", b"z")}}),
            [("0", OCTETS, "78", 4), ("1", "application/eat+cwt", "79", 0),
             ("-2.z", "c/d", "7a", 0)],
        ),
        (dumped({cmw.TYPE_KEY: "1.2.3", "a": [OCTETS, "AA"]}), [("a", OCTETS, "00", 0)]),
        (
            dumped({"a": [media.CMW_CBOR, text.to_base64url(cbor.encode({7: (42, b"q")}))]}),
            [("a.7", OCTETS, "71", 0)],
        ),
        (
            cbor.encode(cbor.Tag(1668547091, cbor.encode({"c": (42, b"q")}))),
            [("c", OCTETS, "71", 0)],
        ),
        (cbor.encode((media.CMW_JSON, dumped([OCTETS, "AA"]))), [("", OCTETS, "00", 0)]),
    ],
)  # fmt: skip
def test_every_form_is_read(data: bytes, want: list[tuple[str, str, str, int]]) -> None:
    """Records, tags and collections of the draft, with labels as paths."""
    found = cmw.read(data, "x")
    assert [(m.label, m.media.name, m.value.hex(), m.indicator) for m in found] == want


@pytest.mark.parametrize(
    ("data", "want"),
    [
        (dumped([OCTETS]), "x: got 1 members, want 2 or 3"),
        (dumped([OCTETS, "AA", 4, 5]), "x: got 4 members, want 2 or 3"),
        (dumped([OCTETS, "AA", 0]), "x: got indicator 0, want 1 to 31"),
        (dumped([OCTETS, "AA", 32]), "x: got indicator 32, want 1 to 31"),
        (dumped([OCTETS, "AA", True]), "x: got an indicator that is not a number"),
        (dumped([OCTETS, "AA", "4"]), "x: got an indicator that is not a number"),
        (dumped([OCTETS, "AA", 4.0]), "x: got an indicator that is not a number"),
        (dumped([60, "AA"]), "x: want [media type, base64url, indicator]"),
        (dumped([OCTETS, None]), "x: want [media type, base64url, indicator]"),
        (dumped([OCTETS, "AB"]), "x: not canonical base64"),
        (dumped([OCTETS, "AA=="]), "x: not canonical base64"),
        (dumped([OCTETS, "A*"]), "x: not base64"),
        (dumped(["octets", "AA"]), "x: not a media type: 'octets'"),
        (b'{"a":["a/b","AA"],"a":["a/b","AA"]}', "x: is not JSON: a key occurs twice"),
        (dumped({}), "x: a collection without an entry"),
        (dumped({cmw.TYPE_KEY: "1.2"}), "x: a collection without an entry"),
        (dumped({cmw.TYPE_KEY: "word", "a": []}), "want a URI or an object identifier"),
        (dumped({cmw.TYPE_KEY: 5, "a": []}), "x: __cmwc_t: got an integer, want a string"),
        (dumped({" ": [OCTETS, "AA"]}), "x: got label ' ', want a word or a number"),
        (dumped({"\x1b": [OCTETS, "AA"]}), "want a word or a number"),
        (dumped({"a" * 257: [OCTETS, "AA"]}), "want a word or a number"),
        (dumped({"a": "b"}), "x: a: got str, want a record or a collection"),
        (dumped({"a": {"b": 7}}), "x: a.b: got int, want a record or a collection"),
        (dumped({"a": {"b": {"c": {"d": [OCTETS, "AA"]}}}}), "x: a.b.c.d: wrappers nested deeper"),
        (cbor.encode((OCTETS, "text")), "x: got a value of str, want bytes"),
        (cbor.encode((b"a/b", b"")), "x: want a media type or a content format"),
        (cbor.encode((False, b"")), "x: want a media type or a content format"),
        (cbor.encode((9, b"")), "x: got content format 9, want one of 42, 60, 263, 273, 10572"),
        (cbor.encode({b"a": (42, b"")}), "want a word or a number"),
        (cbor.encode({1: 2}), "x: 1: got int, want a record or a collection"),
        (cbor.encode(cbor.Tag(media.tag_of(42), "text")), "x: got a tagged str, want bytes"),
        (cbor.encode(cbor.Tag(1, b"")), "x: tag 1 stands for no content format"),
        (cbor.encode((42, b"")) + b"\0", "1 trailing bytes"),
        (bytes.fromhex("a2182a82182a40182a82182a40"), "key 42 occurs twice"),
        (cbor.encode(None), "x: got NoneType, want a record or a collection"),
    ],
)
def test_malformed_wrappers_are_refused(data: bytes, want: str) -> None:
    """Every departure from the draft is refused, with the label where it is."""
    with pytest.raises(MalformedError) as refused:
        cmw.read(data, "x")
    assert want in str(refused.value)


def test_wrappers_in_wrappers_have_an_end() -> None:
    """A message that is a wrapper again counts as a level, and there are four."""
    data = dumped([OCTETS, "AA"])
    for _ in range(cmw.MAX_DEPTH - 1):
        data = dumped([media.CMW_JSON, text.to_base64url(data)])
    assert len(cmw.read(data, "x")) == 1
    with pytest.raises(MalformedError, match="wrappers nested deeper than 4"):
        cmw.read(dumped([media.CMW_JSON, text.to_base64url(data)]), "x")


def test_messages_are_counted() -> None:
    """A wrapper with more messages than any machine needs is refused."""
    many = {str(n): [OCTETS, "AA"] for n in range(cmw.MAX_MESSAGES)}
    assert len(cmw.read(dumped(many), "x")) == cmw.MAX_MESSAGES
    with pytest.raises(MalformedError, match="got 129 messages, want at most 128"):
        cmw.read(dumped({**many, "one": [OCTETS, "AA"]}), "x")


@given(st.binary(max_size=60))
def test_junk_is_our_error(data: bytes) -> None:
    """Whatever arrives is messages or MalformedError."""
    for begin in (b"", b"[", b"{", b"\x82", b"\x83", b"\xa1", b"\xbf", b"\xda"):
        try:
            found = cmw.read(begin + data, "x")
        except MalformedError:
            continue
        assert all(isinstance(message.value, bytes) for message in found)


@pytest.mark.parametrize(
    ("kind", "indicator", "want"),
    [
        ("application/cmw+jws", 4, "a signed wrapper (application/cmw+jws)"),
        ("application/cmw+cose", 4, "a signed wrapper (application/cmw+cose)"),
        ("application/ear+jwt", 8, "a message of type application/ear+jwt"),
        ("application/rim+cose", 1, "a message of type application/rim+cose"),
        (media.CERTIFICATE, 4, "the indicator 4 contradicts the type application/pkix-cert"),
        (media.OURS + "snp", 2, "the indicator 2 contradicts the type"),
        (OCTETS, 8, "the indicator 8 contradicts the type"),
        (media.TSM_REPORT_CBOR, 2, "the indicator 2 contradicts the type"),
    ],
)
def test_messages_of_other_kinds_are_refused(kind: str, indicator: int, want: str) -> None:
    """Results, reference values, signed wrappers, and types that contradict their indicator."""
    with pytest.raises(MalformedError) as refused:
        messages.unwrap(dumped({"item": [kind, "AA", indicator]}), "x")
    assert str(refused.value).startswith(f"x: item: {want}")


def test_certificates_may_come_as_pem() -> None:
    """A chain in PEM is taken apart; PEM of something else is refused."""
    pem = text.to_pem("CERTIFICATE", b"one") + text.to_pem("CERTIFICATE", b"two")
    record = cbor.encode((media.CERTIFICATES_PEM, pem, 2))
    assert messages.unwrap(record, "x").endorsements.certificates == (b"one", b"two")
    with pytest.raises(MalformedError, match="got PEM of 'X509 CRL', want CERTIFICATE"):
        messages.unwrap(cbor.encode((media.CERTIFICATES_PEM, text.to_pem("X509 CRL", b"x"))), "x")


def test_tsm_reports_are_opened_in_wrappers() -> None:
    """Veraison's form: a collection with a TSM report in JSON or CBOR."""
    report = {"provider": "tdx_guest", "outblob": b"quote"}
    inner = cbor.encode(report)
    for data in (
        cbor.encode({"tsm-report": (media.TSM_REPORT_CBOR, inner, 4)}),
        dumped({"tsm-report": [media.TSM_REPORT_CBOR, text.to_base64url(inner)]}),
        dumped([media.TSM_REPORT_JSON, text.to_base64url(
            dumped({"provider": "tdx_guest", "outblob": "cXVvdGU="}))]),
    ):  # fmt: skip
        opened = messages.unwrap(data, "x")
        assert opened.evidence == (Piece(data=b"quote", technology="tdx"),)
        assert opened.containers[1:] == ("TSM report",)


def test_types_are_said_to_be_understood() -> None:
    """The hint of an unknown type lists those that are known."""
    with pytest.raises(MalformedError) as refused:
        messages.unwrap(dumped(["a/b", "AA"]), "x")
    for kind in (media.OURS, *media.EVIDENCE, media.CERTIFICATE, media.TSM_REPORT_JSON):
        assert kind in refused.value.hints[0]


def test_is_wrapper_looks_at_the_first_byte_only() -> None:
    """The draft's way to tell the forms apart."""
    begins: Mapping[bytes, bool] = {
        b"[": True, b"{": True, b"\x82": True, b"\x83": True, b"\x9f": True, b"\xda": True,
        b"\xa0": True, b"\xbb": True, b"\xbf": True, b"\x81": False, b"\xbc": False, b"": False,
    }  # fmt: skip
    assert {begin: cmw.is_wrapper(begin) for begin in begins} == begins
