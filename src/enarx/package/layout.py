"""A package as an OCI image layout: the index that names it, and the tar archive of both.

Decides which manifest of a layout is meant.  Does not read disks: the caller hands in what a
path of the layout holds.

Source: OCI image specification 1.1, image-layout.md and image-index.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from enarx.errors import MalformedError
from enarx.package import tar
from enarx.package.digest import PREFIX, is_digest
from enarx.package.manifest import (
    Package,
    assemble,
    canonical,
    parse_manifest,
)
from enarx.package.manifest_check import json_object
from enarx.package.media import ARTIFACT_TYPE, MANIFEST_TYPE, MAX_MANIFEST_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable

LAYOUT_FILE = "oci-layout"
INDEX_FILE = "index.json"
INDEX_TYPE = "application/vnd.oci.image.index.v1+json"

MAX_INDEX_BYTES = 1024 * 1024
"""A layout of one package has an index of 400 bytes."""

_MAX_FILES = 1000  # a layout of one package has seven
_VERSION = "1.0.0"
_REF_NAME = "org.opencontainers.image.ref.name"


def write_layout(package: Package, name: str = "") -> bytes:
    """The tar archive of *package*'s layout; the same package and name give the same bytes.

    *name* is only a label in the index: the workload digest does not depend on it.
    """
    described: dict[str, object] = {
        "artifactType": ARTIFACT_TYPE,
        "digest": package.digest,
        "mediaType": MANIFEST_TYPE,
        "size": len(package.manifest),
    }
    if name:
        described["annotations"] = {_REF_NAME: name}
    index = {"manifests": [described], "mediaType": INDEX_TYPE, "schemaVersion": 2}
    blobs = {blob.digest: blob.data for blob in package.blobs}
    blobs[package.digest] = package.manifest
    members = [
        tar.Member(path="blobs", kind=tar.DIRECTORY),
        tar.Member(path="blobs/sha256", kind=tar.DIRECTORY),
        *(
            tar.Member(path=blob_path(digest), kind=tar.FILE, data=blobs[digest])
            for digest in sorted(blobs)
        ),
        tar.Member(path=INDEX_FILE, kind=tar.FILE, data=canonical(index)),
        tar.Member(
            path=LAYOUT_FILE, kind=tar.FILE, data=canonical({"imageLayoutVersion": _VERSION})
        ),
    ]
    return tar.write(members)


def read_layout(archive: bytes | memoryview, where: str) -> Package:
    """The package in a layout's tar archive.

    Raises:
        MalformedError: not a layout, more than one package, or a blob that is not the one named.
    """
    files: dict[str, memoryview] = {}
    for member in tar.read(archive, where):
        path = member.path.removeprefix("./")
        if member.kind == tar.DIRECTORY:
            continue
        if len(files) >= _MAX_FILES:
            raise MalformedError(where, f"more than {_MAX_FILES} files")
        if path in files:
            raise MalformedError(where, f"{path!r} is there twice")
        if member.kind != tar.FILE:
            raise MalformedError(where, f"{path!r} is a {member.kind} (want a file)")
        files[path] = memoryview(member.data)
    if LAYOUT_FILE not in files:
        hint = "a package is made with: enarx package build DIRECTORY"
        raise MalformedError(where, f"not a package: no {LAYOUT_FILE} in it", hints=(hint,))

    def blob(path: str, most: int) -> bytes:
        if path not in files:
            raise MalformedError(where, f"{path} is missing")
        if len(files[path]) > most:
            problem = f"{path} is too large (got {len(files[path])} bytes, want at most {most})"
            raise MalformedError(where, problem)
        return bytes(files[path])

    return open_layout(blob, where)


def open_layout(read: Callable[[str, int], bytes], where: str) -> Package:
    """The package of the layout whose files *read* returns.

    Args:
        read: given a path inside the layout and the most bytes it may have, its contents.
        where: what to call the layout in errors.

    Raises:
        MalformedError: as ``read_layout``; whatever *read* raises.
    """
    place = f"{where}: {LAYOUT_FILE}"
    version = json_object(read(LAYOUT_FILE, MAX_INDEX_BYTES), place).get("imageLayoutVersion")
    if version != _VERSION:
        raise MalformedError(place, f"imageLayoutVersion: got {version!r}, want {_VERSION!r}")
    digest = _manifest_digest(read(INDEX_FILE, MAX_INDEX_BYTES), f"{where}: {INDEX_FILE}")
    manifest = read(blob_path(digest), MAX_MANIFEST_BYTES)
    descriptors = parse_manifest(manifest, f"{where}: manifest")
    blobs = [read(blob_path(item.digest), item.size) for item in descriptors]
    package = assemble(manifest, blobs, where)
    if package.digest != digest:
        problem = f"manifest has another digest (got {package.digest}, want {digest})"
        raise MalformedError(where, problem)
    return package


def blob_path(digest: str) -> str:
    """Where a layout keeps the blob of *digest*."""
    return f"blobs/sha256/{digest.removeprefix(PREFIX)}"


def _manifest_digest(index: bytes, where: str) -> str:
    document = json_object(index, where)
    if document.get("schemaVersion") != 2:  # noqa: PLR2004 - the only version there is
        raise MalformedError(f"{where}: schemaVersion", "want 2")
    found = document.get("manifests")
    if not isinstance(found, list) or not found:
        raise MalformedError(f"{where}: manifests", "missing; want one manifest")
    entries = [cast("dict[str, object]", item) for item in found if isinstance(item, dict)]
    digests = {str(item.get("digest")): item for item in entries}
    if len(entries) != len(found) or not all(is_digest(digest) for digest in digests):
        raise MalformedError(f"{where}: manifests", "want descriptors with sha256 digests")
    if len(digests) > 1:
        shown = ", ".join(sorted(digests)[:4])
        hint = "copy the one you want into a layout of its own, or run it by directory or file"
        problem = f"names {len(digests)} manifests (want 1): {shown}"
        raise MalformedError(where, problem, hints=(hint,))
    (digest, entry), *_ = digests.items()
    if entry.get("mediaType") != MANIFEST_TYPE:
        got = str(entry.get("mediaType"))[:80]
        raise MalformedError(f"{where}: manifests[0].mediaType", f"got {got}, want {MANIFEST_TYPE}")
    return digest
