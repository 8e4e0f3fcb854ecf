"""The OCI image manifest of a package and its blobs: made, and checked.

The manifest's sha256 is the workload digest, so its bytes are canonical: sorted keys, no
spaces, UTF-8.  Knows nothing of files, tars or Enarx.toml.  A plain ``enarx run`` and every
keep load it, so it imports little.

Sources: OCI image specification 1.1 (manifest.md, descriptor.md); CNCF TAG Runtime, Wasm OCI
artifact layout (config media type, ``os``, ``layerDigests``, ``component``); DESIGN section 5.
"""

from __future__ import annotations

import json

from enarx.errors import MalformedError
from enarx.package import wasm
from enarx.package.digest import digest_of
from enarx.package.manifest_check import check_manifest
from enarx.package.media import (
    ARTIFACT_TYPE,
    CONFIG_TYPE,
    FILES_TYPE,
    MANIFEST_TYPE,
    MAX_BLOB_BYTES,
    TOML_TYPE,
    WASM_TYPE,
    Descriptor,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    Json = Mapping[str, object]

_TITLES = {WASM_TYPE: "main.wasm", TOML_TYPE: "Enarx.toml", FILES_TYPE: "files.tar.zst"}
_TITLE = "org.opencontainers.image.title"


class Blob:
    """A descriptor with its bytes, which match it."""

    __slots__ = ("data", "digest", "media_type")

    def __init__(self, media_type: str, digest: str, data: bytes) -> None:
        self.media_type = media_type
        self.digest = digest
        self.data = data


class Package:
    """A complete package; made only by ``build`` and ``assemble``, so its digests hold.

    Args:
        manifest: the manifest's bytes as they arrived or were made.
        digest: ``sha256:…`` of the manifest: the workload digest.
        blobs: the config blob, then the layers in the manifest's order.
    """

    __slots__ = ("blobs", "digest", "manifest")

    def __init__(self, manifest: bytes, digest: str, blobs: tuple[Blob, ...]) -> None:
        self.manifest = manifest
        self.digest = digest
        self.blobs = blobs

    @property
    def module(self) -> bytes:
        """The application: a core module or a component."""
        return self.blobs[1].data

    @property
    def config(self) -> bytes | None:
        """Enarx.toml, if the package has one."""
        return self._layer(TOML_TYPE)

    @property
    def files_layer(self) -> bytes | None:
        """The compressed files layer, if the package has one (``files_layer.unpack`` opens it)."""
        return self._layer(FILES_TYPE)

    def _layer(self, media_type: str) -> bytes | None:
        for blob in self.blobs:
            if blob.media_type == media_type:
                return blob.data
        return None


def build(module: bytes, config: bytes | None = None, files_layer: bytes | None = None) -> Package:
    """Make the package of these parts; the same parts give the same bytes.

    The caller checks that *config* parses and that *files_layer* came from ``files_layer.build``.

    Raises:
        MalformedError: *module* is not WebAssembly, or a part is too large.
    """
    kind = wasm.kind_of(module)
    parts = ((WASM_TYPE, module), (TOML_TYPE, config), (FILES_TYPE, files_layer))
    layers = [_blob(media_type, data) for media_type, data in parts if data is not None]
    described: dict[str, object] = {
        "architecture": "wasm",
        "created": "1970-01-01T00:00:00Z",  # required by the layout; fixed, to be reproducible
        "layerDigests": [layer.digest for layer in layers],
        "os": "wasip1" if kind == wasm.MODULE else "wasip2",
    }
    if kind == wasm.COMPONENT:
        imports, exports = wasm.component_interface(module)
        described["component"] = {"exports": exports, "imports": imports}
    config_blob = _blob(CONFIG_TYPE, canonical(described))
    manifest = canonical(
        {
            "artifactType": ARTIFACT_TYPE,
            "config": _describe(config_blob),
            "layers": [_describe(layer) for layer in layers],
            "mediaType": MANIFEST_TYPE,
            "schemaVersion": 2,
        }
    )
    return Package(manifest, digest_of(manifest), (config_blob, *layers))


def parse_manifest(manifest: bytes, where: str = "manifest") -> tuple[Descriptor, ...]:
    """The descriptors of *manifest*: the config blob's, then the layers'.

    An artifact without ``artifactType`` is accepted: that is what ``wkg`` publishes.

    Raises:
        MalformedError: not a package's manifest, or it names a blob we do not know or that is
            larger than its kind may be.
    """
    return check_manifest(manifest, where)


def assemble(manifest: bytes, blobs: Sequence[bytes], where: str = "package") -> Package:
    """Check *blobs* (the config blob, then the layers) against *manifest*.

    The config blob is for other tools: its digest is checked, its contents are not used.

    Raises:
        MalformedError: the manifest is malformed or a blob is not the one it names.
    """
    descriptors = parse_manifest(manifest, f"{where}: manifest")
    if len(blobs) != len(descriptors):
        problem = f"wrong number of blobs (got {len(blobs)}, want {len(descriptors)})"
        raise MalformedError(where, problem)
    checked = tuple(
        _checked(descriptor, data, where)
        for descriptor, data in zip(descriptors, blobs, strict=True)
    )
    package = Package(manifest, digest_of(manifest), checked)
    wasm.kind_of(package.module)
    return package


def canonical(value: Json) -> bytes:
    """*value* as canonical JSON: sorted keys, no spaces, UTF-8 (RFC 8785 for what we write)."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    return text.encode()


def _blob(media_type: str, data: bytes) -> Blob:
    most = MAX_BLOB_BYTES[media_type]
    if len(data) > most:
        where = _TITLES.get(media_type, media_type)
        raise MalformedError(where, f"too large (got {len(data)} bytes, want at most {most})")
    return Blob(media_type, digest_of(data), data)


def _describe(blob: Blob) -> Json:
    described: dict[str, object] = {
        "digest": blob.digest,
        "mediaType": blob.media_type,
        "size": len(blob.data),
    }
    if blob.media_type in _TITLES:  # generic tools name the files they pull by this
        described["annotations"] = {_TITLE: _TITLES[blob.media_type]}
    return described


def _checked(descriptor: Descriptor, data: bytes, where: str) -> Blob:
    place = f"{where}: blob {descriptor.digest}"
    if len(data) != descriptor.size:
        raise MalformedError(place, f"wrong size (got {len(data)} bytes, want {descriptor.size})")
    got = digest_of(data)
    if got != descriptor.digest:
        raise MalformedError(place, f"wrong digest (got {got}, want {descriptor.digest})")
    return Blob(descriptor.media_type, descriptor.digest, data)
