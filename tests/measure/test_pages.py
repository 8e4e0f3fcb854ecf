"""An image as pages: everything about its files is in them."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enarx.measure.pages import MAX_FILES, MAX_NAME_BYTES, PAGE_BYTES, pages

FILES = {"enarx/keep/boot.py": b"print()\n", "a.so": b"x" * 5000, "empty": b""}


def test_the_pages_of_an_image() -> None:
    """One for the image, one for each header, as many as needed for each content."""
    found = list(pages(FILES))
    assert [len(page) for page in found] == [PAGE_BYTES] * 7
    assert found[0].rstrip(b"\0") == b"ENARX IMAGE\0\x03"
    assert found[1].startswith(b"ENARX FILE\0\x04\0\0\0\x88\x13\0\0\0\0\0\0a.so\0")
    assert found[2] == b"x" * PAGE_BYTES
    assert found[3] == b"x" * 904 + bytes(PAGE_BYTES - 904)
    assert found[4].startswith(b"ENARX FILE\0\x05\0\0\0\0\0\0\0\0\0\0\0empty\0")
    assert found[5].startswith(b"ENARX FILE\0\x12\0\0\0\x08\0\0\0\0\0\0\0enarx/keep/boot.py\0")
    assert found[6].startswith(b"print()\n\0")


NAMES = st.text("ab./", min_size=1, max_size=6).filter(
    lambda name: not {"", ".", ".."} & set(name.split("/"))
)
IMAGES = st.dictionaries(NAMES, st.binary(max_size=20) | st.just(b"x" * PAGE_BYTES), max_size=4)


@given(IMAGES, IMAGES)
def test_no_two_images_have_the_same_pages(
    one: Mapping[str, bytes], other: Mapping[str, bytes]
) -> None:
    """Names, sizes, contents and number of files can be told from the pages."""
    assert (list(pages(one)) == list(pages(other))) is (dict(one) == dict(other))


@given(IMAGES)
def test_the_order_of_giving_does_not_count(files: Mapping[str, bytes]) -> None:
    """Files are laid out by name."""
    assert list(pages(dict(reversed(files.items())))) == list(pages(files))


@pytest.mark.parametrize(
    "name", ["", "/a", "a//b", "../a", "a/..", ".", "a/./b", "a\0b", "x" * (MAX_NAME_BYTES + 1)]
)
def test_names_are_relative(name: str) -> None:
    """What is measured is where it lies below the place of installation."""
    with pytest.raises(ValueError, match="is no relative name"):
        list(pages({name: b""}))


def test_an_image_is_bounded() -> None:
    """In the number of its files."""
    with pytest.raises(ValueError, match=f"at most {MAX_FILES}"):
        next(pages({str(number): b"" for number in range(MAX_FILES + 1)}))
