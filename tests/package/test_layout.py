"""The OCI layout: the same bytes, read back strictly, and what others put into one."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enarx.errors import MalformedError
from enarx.package import layout, manifest, tar
from enarx.package.digest import digest_of
from enarx.package.tar import FILE, SYMLINK, Member

PACKAGE = manifest.build(b"\0asm\x01\0\0\0", b"args = []\n")
ARCHIVE = layout.write_layout(PACKAGE)


def contents() -> dict[str, bytes]:
    """The files of the layout, by path."""
    return {m.path: bytes(m.data) for m in tar.read(ARCHIVE, "x") if m.kind == FILE}


def archive(files: dict[str, bytes]) -> bytes:
    """A layout archive of *files*."""
    return tar.write(Member(path=path, kind=FILE, data=data) for path, data in files.items())


def index(*entries: dict[str, object], **changes: object) -> bytes:
    """An index.json of *entries*."""
    return json.dumps({"schemaVersion": 2, "manifests": list(entries), **changes}).encode()


def entry(**changes: object) -> dict[str, object]:
    """The index's entry of PACKAGE with changes."""
    found: dict[str, object] = json.loads(contents()["index.json"])["manifests"][0]
    return {**found, **changes}


def test_it_is_an_oci_layout() -> None:
    """oci-layout, index.json and every blob under its digest, as the specification says."""
    files = contents()
    assert json.loads(files.pop("oci-layout")) == {"imageLayoutVersion": "1.0.0"}
    (found,) = json.loads(files.pop("index.json"))["manifests"]
    assert found["digest"] == PACKAGE.digest
    assert all(path == layout.blob_path(digest_of(data)) for path, data in files.items())


def test_it_comes_back_and_stays_the_same() -> None:
    """Reading gives the package; writing that again gives the same bytes."""
    package = layout.read_layout(ARCHIVE, "x.tar")
    assert package.digest == PACKAGE.digest
    assert layout.write_layout(package) == ARCHIVE


def test_a_name_is_only_a_label() -> None:
    """The name is in the index and changes no digest."""
    named = layout.write_layout(PACKAGE, "demo:1")
    assert b'"org.opencontainers.image.ref.name":"demo:1"' in named
    assert layout.read_layout(named, "x.tar").digest == PACKAGE.digest


def test_other_tools_order_and_dots_are_read() -> None:
    """`tar -C layout .` writes ./ before each path, in any order."""
    files = {f"./{path}": data for path, data in reversed(contents().items())}
    assert layout.read_layout(archive(files), "x.tar").digest == PACKAGE.digest


@pytest.mark.parametrize(
    ("changes", "want"),
    [
        ({"oci-layout": None}, "x.tar: not a package: no oci-layout in it"),
        ({"oci-layout": b"{}"}, "imageLayoutVersion: got None, want '1.0.0'"),
        ({"index.json": None}, "index.json is missing"),
        ({"index.json": b"{}"}, "schemaVersion: want 2"),
        ({"index.json": index()}, "manifests: missing"),
        ({"index.json": index(entry(), entry(digest="sha256:" + "0" * 64))}, "names 2 manifests"),
        ({"index.json": index(entry(digest="../../etc/passwd"))}, "want descriptors with sha256"),
        ({"index.json": index(entry(digest="sha256:" + "0" * 64))}, "0000 is missing"),
        ({"index.json": index(entry(mediaType="a/b"))}, "mediaType: got a/b, want application"),
        ({layout.blob_path(PACKAGE.digest): b"{}"}, "schemaVersion: got null, want 2"),
        ({layout.blob_path(PACKAGE.blobs[1].digest): b"\0asm\x01\0\0\1"}, "wrong digest"),
        ({layout.blob_path(PACKAGE.blobs[1].digest): b"\0asm"}, "wrong size"),
        ({layout.blob_path(PACKAGE.blobs[1].digest): b"123456789"}, "too large"),
        ({layout.blob_path(PACKAGE.blobs[2].digest): None}, "is missing"),
    ],
)
def test_what_is_wrong_is_named(changes: dict[str, bytes | None], want: str) -> None:
    """A layout that lacks something, or holds another thing, is refused with its place."""
    files = {**contents(), **changes}
    with pytest.raises(MalformedError, match=want):
        layout.read_layout(archive({k: v for k, v in files.items() if v is not None}), "x.tar")


def test_a_manifest_under_another_digest_is_refused() -> None:
    """A manifest that is well-formed but not the one the index names is refused."""
    other = manifest.build(b"\0asm\x01\0\0\0")
    files = {**contents(), layout.blob_path(PACKAGE.digest): other.manifest}
    files |= {layout.blob_path(blob.digest): blob.data for blob in other.blobs}
    with pytest.raises(MalformedError, match="manifest has another digest"):
        layout.read_layout(archive(files), "x.tar")


def test_twice_and_links_are_refused() -> None:
    """No path twice, no link: both would let one reader see what another does not."""
    members = [Member(path=path, kind=FILE, data=data) for path, data in contents().items()]
    with pytest.raises(MalformedError, match="is there twice"):
        layout.read_layout(tar.write([*members, members[0]]), "x.tar")
    link = Member(path="blobs/sha256/x", kind=SYMLINK, target="/etc/passwd")
    with pytest.raises(MalformedError, match=r"is a symlink \(want a file\)"):
        layout.read_layout(tar.write([*members, link]), "x.tar")


def test_a_layout_of_countless_files_is_refused() -> None:
    """Before each of them is an object of ours, and whatever follows."""
    many = b"".join(tar.write([Member(path=str(n), kind=FILE)])[:512] for n in range(1001))
    with pytest.raises(MalformedError, match="more than 1000 files"):
        layout.read_layout(many + b"junk", "x.tar")


@given(st.integers(0, len(ARCHIVE) - 1), st.integers(1, 255))
def test_a_flipped_byte_changes_nothing_unseen(at: int, flip: int) -> None:
    """A damaged archive gives the same package or MalformedError: never another package."""
    damaged = bytearray(ARCHIVE)
    damaged[at] ^= flip
    try:
        package = layout.read_layout(bytes(damaged), "x.tar")
    except MalformedError:
        return
    assert package.digest == PACKAGE.digest
    assert [blob.data for blob in package.blobs] == [blob.data for blob in PACKAGE.blobs]
