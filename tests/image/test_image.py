"""An image as it is published: the same every time, and checked against its manifest."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
import zstandard
from hypothesis import given as any_of
from hypothesis import strategies as st
from tests.image.test_contents import OURS, compiled

from enarx.errors import MalformedError
from enarx.image import image
from enarx.image.contents import contents, unpacked

if TYPE_CHECKING:
    from collections.abc import Mapping

    from enarx.image.inputs import Input


def built(inputs: Mapping[Input, bytes], **more: bool) -> Mapping[str, bytes]:
    """The files of an image."""
    found = contents(unpacked(inputs), OURS, compiled)
    return image.build(found, tuple(inputs), version="1.2", **more)


def test_the_same_inputs_give_the_same_bytes(inputs: dict[Input, bytes]) -> None:
    """In whatever order they come."""
    assert built(inputs) == built(dict(reversed(inputs.items())))


def test_what_is_in_it(inputs: dict[Input, bytes]) -> None:
    """The kernel as it was, an archive that a kernel unpacks, firmware, and their hashes."""
    files = built(inputs)
    assert files["vmlinuz"] == b"kernel"
    unpacked_archive = zstandard.ZstdDecompressor().decompress(files["initrd.img"])
    assert unpacked_archive.startswith(b"070701")
    manifest = image.parse_manifest(files["image.json"], "image.json")
    assert (manifest.name, manifest.version) == ("enarx-vm", "1.2")
    assert set(manifest.files) == set(files) - {"image.json"}
    for name in manifest.files:
        image.check(manifest, name, files[name], name)
    assert "lockdown=confidentiality" in manifest.command_line.split()
    assert "console=ttynull" in manifest.command_line.split()


def test_a_debug_console_is_another_image(inputs: dict[Input, bytes]) -> None:
    """Whoever insists on the one refuses the other: its command line is measured."""
    quiet, loud = built(inputs), built(inputs, debug_console=True)
    lines = [image.parse_manifest(files["image.json"], "").command_line for files in (quiet, loud)]
    assert lines[0] != lines[1]
    assert "console=ttyS0" in lines[1].split()


def test_a_changed_file_is_refused(inputs: dict[Input, bytes]) -> None:
    """Attack: a byte of the initial RAM disk is another one."""
    files = built(inputs)
    manifest = image.parse_manifest(files["image.json"], "image.json")
    changed = files["initrd.img"][:-1] + bytes((files["initrd.img"][-1] ^ 1,))
    with pytest.raises(MalformedError, match=r"got .* want .*"):
        image.check(manifest, "initrd.img", changed, "initrd.img")


def test_the_bill_names_every_file_and_where_it_is_from(inputs: dict[Input, bytes]) -> None:
    """With hashes, in a form that others' tools read."""
    files = built(inputs)
    bill = json.loads(files["sbom.json"])
    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.6")
    components = {one["name"]: one for one in bill["components"]}
    assert components["zlib1g"]["purl"] == "pkg:deb/debian/zlib1g@1.0%2Bx"
    assert components["wasmtime"]["purl"] == "pkg:pypi/wasmtime@1.0%2Bx"
    assert components["seabios"]["type"] == "firmware"
    names = {file["name"] for one in components.values() for file in one.get("components", ())}
    found = contents(unpacked(inputs), OURS, compiled)
    assert names == set(found.origins)
    assert components["enarx"]["version"] == "1.2"


def test_a_firmware_that_was_given(inputs: dict[Input, bytes]) -> None:
    """It takes the pinned one's place, and the bill says that nothing else is known of it."""
    found = contents(unpacked(inputs), OURS, compiled)
    files = image.build(found, tuple(inputs), version="1", firmware={"tdx": b"mine"})
    assert files["OVMF.inteltdx.fd"] == b"mine"
    bill = json.loads(files["sbom.json"])
    (given,) = [one for one in bill["components"] if one["bom-ref"] == "given:OVMF.inteltdx.fd"]
    assert "purl" not in given
    assert set(files) == set(built(inputs))


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ('"format": 1', '"format": 2', "format"),
        ('"vmlinuz"', '"vmlinux"', "vmlinux"),
        ('"name": "enarx-vm"', '"name": 7', "name"),
        ('"format": 1', '"format": 1, "more": 1', "more"),
    ],
)
def test_another_manifest_is_refused(
    old: str, new: str, problem: str, inputs: dict[Input, bytes]
) -> None:
    """Nothing in it is passed over."""
    text = built(inputs)["image.json"].decode().replace(old, new, 1)
    with pytest.raises(MalformedError, match=problem):
        image.parse_manifest(text.encode(), "image.json")


def test_a_manifest_without_a_kernel() -> None:
    """There is nothing to start."""
    text = '{"format": 1, "name": "a", "version": "1", "command_line": "", "files": {}}'
    with pytest.raises(MalformedError, match=r"lists no initrd\.img"):
        image.parse_manifest(text.encode(), "image.json")


@any_of(st.binary(max_size=100))
def test_junk_is_refused(junk: bytes) -> None:
    """Whatever arrives: a manifest, or our error."""
    with pytest.raises(MalformedError):
        image.parse_manifest(junk, "junk")
