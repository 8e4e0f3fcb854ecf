"""Media types, content formats and the tags that stand for them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enarx.errors import MalformedError
from enarx.evidence import media
from enarx.evidence.media import MediaType

CCA = "http://arm.com/CCA-SSD/1.0.0"


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ("application/cbor", MediaType(name="application/cbor")),
        ("Application/CBOR", MediaType(name="application/cbor")),
        (f'a/c; profile="{CCA}"', MediaType(name="a/c", profile=CCA)),
        (f'a/c+d;eat_profile="{CCA}"', MediaType(name="a/c+d", profile=CCA)),
        ("a/b; x=y; profile=1.2.3", MediaType(name="a/b", profile="1.2.3")),
        ('a/b; profile="a\\"b"', MediaType(name="a/b", profile='a"b')),
    ],
)
def test_types_are_read(text: str, want: MediaType) -> None:
    """Names are compared in lower case; the profile is the parameter that counts."""
    assert media.parse(text, "x") == want


@pytest.mark.parametrize(
    "text",
    [
        *("", "a", "a/", "/b", "a/b/c", "a/b;", "a/b; x", "a/b; x=", 'a/b; x="', "a b/c", "a/b\n"),
        *("a/b; x=y; X=z", "a/" + "b" * 254, "a/b; x=\u00fc"),
    ],
)
def test_other_text_is_refused(text: str) -> None:
    """Anything that RFC 9193's grammar does not make, and a parameter that occurs twice."""
    with pytest.raises(MalformedError):
        media.parse(text, "x")


@given(st.integers(0, 65024) | st.sampled_from(sorted(media.CONTENT_FORMATS)))
def test_tags_stand_for_content_formats(number: int) -> None:
    """TN() is reversible: every format has one tag and every tag its format."""
    tag = media.tag_of(number)
    assert 1668546817 <= tag <= 1668612095
    if number in media.CONTENT_FORMATS:
        assert media.of_tag(tag, "x").name == media.CONTENT_FORMATS[number]
        return
    with pytest.raises(MalformedError, match=f"got content format {number},"):
        media.of_tag(tag, "x")


@pytest.mark.parametrize("tag", [0, 1668546816, 1668547072, 1668612096, 2**64 - 1])
def test_other_tags_stand_for_nothing(tag: int) -> None:
    """Below, between the rows of, and beyond the range of RFC 9277, appendix B."""
    with pytest.raises(MalformedError, match="stands for no content format"):
        media.of_tag(tag, "x")


def test_tags_are_those_of_the_draft() -> None:
    """application/cmw+cbor, the drafts' example, and the ends of the range."""
    assert media.tag_of(273) == 1668547091
    assert media.of_tag(1668547091, "x").name == media.CMW_CBOR
    assert media.tag_of(0) == 1668546817
    assert media.tag_of(65024) == 1668612095


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ("application/vnd.enarx.evidence.nitro", "nitro"),
        ("application/vnd.amd.sev-snp.attestation-report", "snp"),
        (f'application/eat-collection; profile="{CCA}"', "cca"),
        (f"application/eat-collection;profile={CCA.replace(':', '').replace('/', '')}", ""),
        ("application/eat-collection", ""),
        ("application/pkix-cert", ""),
    ],
)
def test_types_tell_the_technology(text: str, want: str) -> None:
    """Ours and those of others; a type without the right profile tells nothing."""
    assert media.technology_of(media.parse(text, "x")) == want
