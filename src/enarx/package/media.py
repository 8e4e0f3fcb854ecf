"""The media types of a package, the largest blob of each, and what points to a blob.

Sources: OCI image specification 1.1 (manifest.md, descriptor.md); CNCF TAG Runtime, Wasm OCI
artifact layout; DESIGN section 5.
"""

from __future__ import annotations

MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"
ARTIFACT_TYPE = "application/vnd.enarx.package.v1"
CONFIG_TYPE = "application/vnd.wasm.config.v0+json"
WASM_TYPE = "application/wasm"
TOML_TYPE = "application/vnd.enarx.config.v1+toml"
FILES_TYPE = "application/vnd.enarx.files.v1.tar+zstd"

MAX_MANIFEST_BYTES = 32 * 1024
"""A launch carries the manifest inside one message of the link, which holds 64 KiB."""

MAX_BLOB_BYTES = {
    CONFIG_TYPE: 1024 * 1024,
    WASM_TYPE: 512 * 1024 * 1024,
    TOML_TYPE: 1_000_000,  # Enarx 0.7's bound on a fetched Enarx.toml
    FILES_TYPE: 2 * 1024 * 1024 * 1024,
}
"""The largest blob of each media type; known before a byte of it is read."""


class Descriptor:
    """A pointer to a blob: media type, digest, size in bytes."""

    __slots__ = ("digest", "media_type", "size")

    def __init__(self, media_type: str, digest: str, size: int) -> None:
        self.media_type = media_type
        self.digest = digest
        self.size = size
