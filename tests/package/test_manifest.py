"""The manifest of a package: the same parts give the same digest, and nothing else gets in."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enarx.errors import MalformedError
from enarx.package import files_layer, manifest, tar
from enarx.package.digest import digest_of, is_digest
from enarx.package.manifest_check import check_manifest

MODULE = b"\0asm\x01\0\0\0"
COMPONENT = b"\0asm\x0d\0\x01\0"
FILES = files_layer.build([tar.Member(path="a", kind=tar.FILE, data=b"x")])
WHOLE = manifest.build(MODULE, b"args = []\n", FILES)

GOLDEN = "sha256:75f207a875fb2ce3d09a0b28ddc257f3db5eb000b5ce3602623fa5f14eea9b99"
"""The workload digest of MODULE with an Enarx.toml: a change of it changes every identity."""


def edited(**changes: object) -> bytes:
    """The manifest of WHOLE with top-level keys changed; None takes one away."""
    document = {**json.loads(WHOLE.manifest), **changes}
    return json.dumps({k: v for k, v in document.items() if v is not None}).encode()


def test_the_digest_of_a_package_does_not_change() -> None:
    """The format's bytes are pinned: this digest is what policies and certificates name."""
    assert manifest.build(MODULE, b"args = []\n").digest == GOLDEN


def test_manifest_follows_the_formats() -> None:
    """Media types, order and canonical JSON are DESIGN section 5's; the config is CNCF's."""
    document = json.loads(WHOLE.manifest)
    assert document["artifactType"] == "application/vnd.enarx.package.v1"
    assert document["config"]["mediaType"] == "application/vnd.wasm.config.v0+json"
    assert [layer["mediaType"] for layer in document["layers"]] == [
        "application/wasm",
        "application/vnd.enarx.config.v1+toml",
        "application/vnd.enarx.files.v1.tar+zstd",
    ]
    assert WHOLE.manifest == json.dumps(document, sort_keys=True, separators=(",", ":")).encode()
    assert WHOLE.digest == digest_of(WHOLE.manifest)
    config = json.loads(WHOLE.blobs[0].data)
    assert config == {
        "architecture": "wasm",
        "created": "1970-01-01T00:00:00Z",
        "layerDigests": [layer["digest"] for layer in document["layers"]],
        "os": "wasip1",
    }


def test_a_component_is_wasip2() -> None:
    """A component's config blob says so, with its imports and exports."""
    config = json.loads(manifest.build(COMPONENT).blobs[0].data)
    assert config["os"] == "wasip2"
    assert config["component"] == {"exports": [], "imports": []}


def test_parts_come_back() -> None:
    """What was built is what an assembled package holds."""
    package = manifest.assemble(WHOLE.manifest, [blob.data for blob in WHOLE.blobs])
    assert (package.digest, package.module) == (WHOLE.digest, MODULE)
    assert (package.config, package.files_layer) == (b"args = []\n", FILES)
    assert manifest.build(MODULE).config is None


@given(st.data())
def test_a_changed_blob_is_refused(data: st.DataObject) -> None:
    """Any single changed byte of any blob is refused by digest, any lost byte by size."""
    blobs = [blob.data for blob in WHOLE.blobs]
    number = data.draw(st.integers(0, len(blobs) - 1))
    at = data.draw(st.integers(0, len(blobs[number]) - 1))
    changed = bytearray(blobs[number])
    changed[at] ^= data.draw(st.integers(1, 255))
    for other, want in ((bytes(changed), "wrong digest"), (bytes(changed[:-1]), "wrong size")):
        with pytest.raises(MalformedError, match=want):
            manifest.assemble(WHOLE.manifest, [*blobs[:number], other, *blobs[number + 1 :]])


def test_a_missing_blob_is_refused() -> None:
    """Every blob of the manifest must be there."""
    with pytest.raises(MalformedError, match=r"wrong number of blobs \(got 1, want 4\)"):
        manifest.assemble(WHOLE.manifest, [WHOLE.blobs[0].data])


@pytest.mark.parametrize(
    ("changes", "want"),
    [
        ({"schemaVersion": 1}, "manifest: schemaVersion: got 1, want 2"),
        ({"mediaType": "text/plain"}, "manifest: mediaType: got text/plain, want application/vnd"),
        ({"artifactType": "x/y"}, "artifactType: got x/y, want application/vnd.enarx.package.v1"),
        ({"layers": []}, "manifest: layers: missing"),
        ({"layers": None}, "manifest: layers: missing"),
        ({"config": None}, "manifest: config: wrong type"),
        ({"subject": {}}, "unknown key 'subject'"),
    ],
)
def test_a_foreign_manifest_is_refused(changes: dict[str, object], want: str) -> None:
    """What we do not understand is refused, with what was wanted."""
    with pytest.raises(MalformedError, match=want):
        check_manifest(edited(**changes), "manifest")


@pytest.mark.parametrize(
    ("change", "want"),
    [
        ({"mediaType": "application/gzip"}, r"layers\[1\].mediaType: got application/gzip, want"),
        ({"mediaType": "application/wasm"}, "one layer of each type"),
        ({"digest": "md5:00"}, r"layers\[1\].digest: want sha256:"),
        ({"digest": "sha256:" + "G" * 64}, r"layers\[1\].digest: want sha256:"),
        ({"size": -1}, r"layers\[1\].size: want a number"),
        ({"size": True}, r"layers\[1\].size: want a number"),
        ({"size": 1_000_001}, r"layers\[1\].size: too large"),
        ({"urls": []}, r"layers\[1\]: unknown key 'urls'"),
    ],
)
def test_a_foreign_layer_is_refused(change: dict[str, object], want: str) -> None:
    """Unknown types, other digests, and sizes beyond the bound are refused."""
    layers = json.loads(WHOLE.manifest)["layers"]
    layers[1] |= change
    with pytest.raises(MalformedError, match=want):
        check_manifest(edited(layers=layers), "manifest")


def test_an_artifact_of_other_tools_is_accepted() -> None:
    """One application/wasm layer without artifactType, as wkg publishes, is a package."""
    layers = json.loads(WHOLE.manifest)["layers"][:1]
    text = edited(layers=layers, artifactType=None, mediaType=None)
    assert [item.media_type for item in check_manifest(text, "manifest")][1:] == [
        "application/wasm"
    ]


@pytest.mark.parametrize(
    ("text", "want"),
    [
        (b'{"a":1,"a":2}', "duplicate key 'a'"),
        (b"[]", "wrong type"),
        (b"\xff", "not JSON"),
        (b"[" * 30_000, "nested too deeply|not JSON"),
        (b" " * 40_000, "too large"),
    ],
)
def test_a_manifest_that_is_no_object_is_refused(text: bytes, want: str) -> None:
    """Duplicate keys, other JSON, depth and size are our error."""
    with pytest.raises(MalformedError, match=want):
        check_manifest(text, "manifest")


@given(st.binary(max_size=300) | st.text(max_size=50).map(lambda t: json.dumps(t).encode()))
def test_junk_raises_only_our_error(junk: bytes) -> None:
    """Whatever the bytes, MalformedError."""
    with pytest.raises(MalformedError):
        check_manifest(junk, "manifest")


@pytest.mark.parametrize(
    ("text", "want"), [(digest_of(b""), True), ("sha256:", False), ("", False)]
)
def test_digests(text: str, *, want: bool) -> None:
    """A digest is sha256: and 64 lower-case digits."""
    assert is_digest(text) is want
    assert not is_digest(text.upper())
