"""The archive of an initial RAM disk: what is in it, and that nothing else decides its bytes."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enarx.image.archive import MAX_NAME_BYTES, File, Link, archive

if TYPE_CHECKING:
    from pathlib import Path

TREE = {
    "bin/run": File(b"#!\n", executable=True),
    "etc/empty": File(b""),
    "dev": None,
    "lib": Link("usr/lib"),
    "usr/lib/odd": File(b"12345"),
}
NAMES = st.text("abc", min_size=1, max_size=3)


def test_the_order_of_the_tree_changes_nothing() -> None:
    """Same files, same bytes."""
    assert archive(TREE) == archive(dict(reversed(TREE.items())))


def test_the_begin_is_as_the_format_says() -> None:
    """Magic, number 1, a folder's mode, owner root, the begin of 1970, and the name."""
    expected = "070701" + "".join(
        f"{field:08x}" for field in (1, 0o040755, 0, 0, 2, 0, 0, 0, 0, 0, 0, 4, 0)
    )
    assert archive(TREE).startswith(expected.encode() + b"bin\0")


@pytest.mark.needs("cpio")
def test_cpio_unpacks_it(tmp_path: Path) -> None:
    """Somebody else's program finds every file with its mode."""
    cpio = shutil.which("cpio")
    assert cpio is not None
    subprocess.run([cpio, "-i", "--quiet"], input=archive(TREE), cwd=tmp_path, check=True)
    assert (tmp_path / "usr/lib/odd").read_bytes() == b"12345"
    assert (tmp_path / "bin/run").stat().st_mode & 0o777 == 0o555
    assert (tmp_path / "etc/empty").stat().st_mode & 0o777 == 0o444
    assert (tmp_path / "lib").readlink().name == "lib"
    assert (tmp_path / "dev").is_dir()


@given(st.dictionaries(NAMES, st.binary(max_size=9), max_size=6))
def test_every_byte_is_found_again(files: dict[str, bytes]) -> None:
    """Reading the records back gives the tree."""
    data = archive({name: File(content) for name, content in files.items()})
    found: dict[str, bytes] = {}
    at = 0
    while True:
        assert data[at : at + 6] == b"070701"
        fields = [int(data[at + 6 + 8 * n : at + 14 + 8 * n], 16) for n in range(13)]
        name = data[at + 110 : at + 110 + fields[11] - 1].decode()
        at += (110 + fields[11] + 3) // 4 * 4
        if name == "TRAILER!!!":
            break
        found[name] = data[at : at + fields[6]]
        at += (fields[6] + 3) // 4 * 4
    assert at == len(data)
    assert found == files


@pytest.mark.parametrize(
    "name", ["", "/a", "a/", "a//b", "./a", "a/../b", "a\0b", "TRAILER!!!", "x" * MAX_NAME_BYTES]
)
def test_other_names_are_refused(name: str) -> None:
    """A name that an unpacker could take for another place, or for the end."""
    with pytest.raises(ValueError, match=r"want|own name"):
        archive({name: File(b"")})


def test_a_file_is_no_folder() -> None:
    """A tree that no disk could hold."""
    with pytest.raises(ValueError, match="a/b: a is no folder"):
        archive({"a": File(b""), "a/b": File(b"")})


def test_a_file_that_the_format_cannot_hold() -> None:
    """Sizes have 32 bits."""

    class Long(bytes):
        __slots__ = ()

        def __len__(self) -> int:
            return 1 << 32

    with pytest.raises(ValueError, match="want at most 4294967295"):
        archive({"a": File(Long())})
