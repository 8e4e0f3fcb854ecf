"""The files layer: always the same bytes, and no path that could leave it."""

from __future__ import annotations

import io
import tarfile

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from enarx.errors import MalformedError
from enarx.package import files_layer, tar
from enarx.package.tar import DIRECTORY, FILE, SYMLINK, Member

NAMES = st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1)
SAFE = NAMES.filter(lambda name: name not in (".", "..") and len(name.encode()) < 256)


@st.composite
def trees(draw: st.DrawFn) -> list[Member]:
    """Members of a tree whose files and directories do not collide."""
    found = []
    for number, name in enumerate(draw(st.lists(SAFE, max_size=6, unique=True))):
        folder = draw(st.sampled_from(["", "d/", "d/é/"])) + f"{number}"
        data = draw(st.binary(max_size=1500))
        found.append(Member(path=folder + name[:200], kind=FILE, data=data))
    return [member for member in found if len(member.path.rpartition("/")[2].encode()) < 256]


def plain(members: tuple[Member, ...]) -> list[tuple[str, str, bytes, str, bool]]:
    """Members as comparable values."""
    return [(m.path, m.kind, bytes(m.data), m.target, m.executable) for m in members]


@given(trees(), st.data())
def test_order_does_not_matter(tree: list[Member], data: st.DataObject) -> None:
    """Whatever the order of the files, the bytes are the same; and building again keeps them."""
    layer = files_layer.build(tree)
    assert files_layer.build(data.draw(st.permutations(tree))) == layer
    if layer is not None:
        assert files_layer.build(files_layer.members(layer)) == layer


@given(trees())
def test_what_goes_in_comes_out(tree: list[Member]) -> None:
    """Every file comes back with its path and contents, and tarfile reads the same."""
    layer = files_layer.build(tree)
    if layer is None:
        assert tree == []
        return
    found = {m.path: bytes(m.data) for m in files_layer.members(layer) if m.kind == FILE}
    assert found == {m.path: m.data for m in tree}
    with tarfile.open(fileobj=io.BytesIO(files_layer.unpack(layer))) as archive:
        theirs = {i.name: archive.extractfile(i) for i in archive if i.isfile()}
        assert {name: f.read() for name, f in theirs.items() if f} == found
        assert {(i.uid, i.gid, i.mtime, i.uname) for i in archive} <= {(0, 0, 0, "")}


def test_modes_links_and_parents() -> None:
    """Executables and links are kept; parents are added; long and foreign names survive."""
    long = "é" * 120
    layer = files_layer.build(
        [
            Member(path="bin/run", kind=FILE, executable=True, data=b"#!"),
            Member(path=f"deep/{long}", kind=FILE),
            Member(path="bin/link", kind=SYMLINK, target=f"../deep/{long}"),
        ]
    )
    assert layer is not None
    assert plain(files_layer.members(layer)) == [
        ("bin", DIRECTORY, b"", "", False),
        ("bin/link", SYMLINK, b"", f"../deep/{long}", False),
        ("bin/run", FILE, b"#!", "", True),
        ("deep", DIRECTORY, b"", "", False),
        (f"deep/{long}", FILE, b"", "", False),
    ]


def test_no_files_no_layer() -> None:
    """A package without files has no files layer at all."""
    assert files_layer.build([]) is None


@pytest.mark.parametrize("format_", [tarfile.USTAR_FORMAT, tarfile.PAX_FORMAT, tarfile.GNU_FORMAT])
def test_other_writers_are_read(format_: int) -> None:
    """Prefixes of ustar, pax headers and GNU long names of other tools are understood."""
    path = f"{'d' * 90}/{'f' * 60}"
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=format_) as archive:
        folder = tarfile.TarInfo("d" * 90)
        folder.type = tarfile.DIRTYPE
        archive.addfile(folder)
        info = tarfile.TarInfo(path)
        info.size = 3
        archive.addfile(info, io.BytesIO(b"abc"))
    members = files_layer.members(zstandard.compress(out.getvalue()))
    assert plain(members)[1] == (path, FILE, b"abc", "", False)


@pytest.mark.parametrize(
    ("member", "want"),
    [
        (Member(path="/etc/passwd", kind=FILE), "is not a relative path"),
        (Member(path="../x", kind=FILE), "must not contain"),
        (Member(path="a/../../x", kind=FILE), "must not contain"),
        (Member(path="a//x", kind=FILE), "must not contain"),
        (Member(path="./x", kind=FILE), "must not contain"),
        (Member(path="x" * 256, kind=FILE), "longer than 255"),
        (Member(path="\udcff", kind=FILE), "is not UTF-8"),
        (Member(path="l", kind=SYMLINK, target="/etc/passwd"), "leaves the package"),
        (Member(path="l", kind=SYMLINK, target="../x"), "leaves the package"),
        (Member(path="a/l", kind=SYMLINK, target="b/../../../x"), "leaves the package"),
        (Member(path="l", kind=SYMLINK), "without a target"),
    ],
)
def test_paths_that_leave_are_refused(member: Member, want: str) -> None:
    """Neither a path nor a link may name anything outside."""
    with pytest.raises(MalformedError, match=want):
        files_layer.build([member])


def test_a_foreign_layer_is_checked_too() -> None:
    """The same rules hold for what others made: twice, out of order, inside a file."""
    one, inside = Member(path="a", kind=FILE), Member(path="a/b", kind=FILE)
    link = Member(path="a", kind=SYMLINK, target=".")
    for members, want in (
        ([one, one], "is there twice"),
        ([inside], "comes before its directory"),
        ([one, inside], "is in a file"),
        ([link, inside], "is in a file"),
    ):
        with pytest.raises(MalformedError, match=want):
            files_layer.members(zstandard.compress(tar.write(members)))


@pytest.mark.parametrize(
    "kind", [tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE, tarfile.LNKTYPE, b"V"]
)
def test_devices_and_hard_links_are_refused(kind: bytes) -> None:
    """A member is a file, a directory or a symbolic link."""
    info = tarfile.TarInfo("x")
    info.type = kind
    archive = info.tobuf() + bytes(1024)
    with pytest.raises(MalformedError, match="want a file, a directory or a symbolic link"):
        list(tar.read(archive, "x"))


def test_a_bomb_is_stopped() -> None:
    """Unpacking ends at the bound, whatever the frame says its size is."""
    bomb = zstandard.compress(bytes(64 << 20))
    with pytest.raises(MalformedError, match="want at most 1048576 bytes"):
        files_layer.unpack(bomb, most=1 << 20)


def test_a_layer_says_its_size_and_is_one_frame() -> None:
    """A frame without a size, a lie about it, and anything after the frame are refused."""
    archive = tar.write([Member(path="a", kind=FILE)])
    layer = zstandard.compress(archive)
    lie = bytearray(layer)
    lie[5] ^= 1
    for data in (
        zstandard.ZstdCompressor(write_content_size=False).compress(archive),
        bytes(lie),
        layer + b"x",
        layer + layer,
        layer[:-1],
    ):
        with pytest.raises(MalformedError, match=r"want at most|not zstd|wrong size"):
            files_layer.members(data)


@given(st.binary(max_size=200))
def test_junk_layers_raise_only_our_error(junk: bytes) -> None:
    """Whatever the bytes of a layer, MalformedError."""
    with pytest.raises(MalformedError):
        files_layer.members(junk)


ARCHIVE = tar.write(
    [
        Member(path="d", kind=DIRECTORY),
        Member(path="d/" + "n" * 120, kind=FILE, data=b"x" * 600),
        Member(path="d/l", kind=SYMLINK, target="n"),
    ]
)


@given(st.integers(0, len(ARCHIVE) - 1), st.integers(1, 255))
def test_a_flipped_byte_raises_only_our_error(at: int, flip: int) -> None:
    """A damaged archive is read or refused; nothing else is raised."""
    damaged = bytearray(ARCHIVE)
    damaged[at] ^= flip
    try:
        list(tar.read(bytes(damaged), "x"))
    except MalformedError as e:
        assert e.where.startswith("x")  # noqa: PT017 - the error is the subject


@given(st.integers(1, len(ARCHIVE) - 1025))
def test_a_cut_archive_is_refused(size: int) -> None:
    """An archive without its end is refused."""
    with pytest.raises(MalformedError):
        list(tar.read(ARCHIVE[:size], "x"))


@pytest.mark.slow
def test_countless_files_are_refused() -> None:
    """Empty files compress to nothing; they are counted before each is an object for long."""
    header = tar.write([Member(path="x", kind=FILE)])[:512]
    archive = header * (files_layer.MAX_MEMBERS + 1) + b"junk"
    with pytest.raises(MalformedError, match="more than 200000 files"):
        files_layer.read(archive, "layer")
