"""Small packages of both kinds, and inputs that are made of them."""

from __future__ import annotations

import hashlib
import io
import lzma
import tarfile
import zipfile
from typing import TYPE_CHECKING

import pytest

from enarx.image import recipe
from enarx.image.inputs import Input

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


def deb(files: Mapping[str, bytes | str], *, member: str = "data.tar.xz") -> bytes:
    """A Debian package with *files*; a text is the target of a link."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        folder = tarfile.TarInfo("./usr")
        folder.type = tarfile.DIRTYPE
        tar.addfile(folder)
        for name, data in files.items():
            info = tarfile.TarInfo(f"./{name}")
            if isinstance(data, str):
                info.type, info.linkname = tarfile.SYMTYPE, data
                tar.addfile(info)
            else:
                info.size, info.mode = len(data), 0o755 if "bin/" in name else 0o644
                tar.addfile(info, io.BytesIO(data))
    content = packed.getvalue()
    if member.endswith(".xz"):
        content = lzma.compress(content)
    parts = [b"!<arch>\n"]
    for name, data in (("debian-binary", b"2.0\n"), ("control.tar.xz", b"x"), (member, content)):
        parts.append(f"{name:<16}{0:<12}{0:<6}{0:<6}{'100644':<8}{len(data):<10}`\n".encode())
        parts.append(data + b"\n" * (len(data) % 2))
    return b"".join(parts)


def wheel(files: Mapping[str, bytes]) -> bytes:
    """A wheel with *files*."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.mkdir("empty")
        for name, data in files.items():
            archive.writestr(name, data)
    return packed.getvalue()


def given(role: str, name: str, data: bytes, *, kind: str = "deb") -> tuple[Input, bytes]:
    """An input, and its bytes."""
    one = Input(
        role=role,
        kind=kind,
        name=name,
        release="1.0+x",
        archive="debian" if kind == "deb" else "",
        file=f"pool/{name}.deb" if kind == "deb" else f"{name}.whl",
        size=len(data),
        sha256=hashlib.sha256(data).hexdigest(),
    )
    return one, data


def kernel_package(**more: bytes) -> bytes:
    """A kernel with the modules that the recipe wants."""
    modules = {
        f"lib/modules/6.12/kernel/drivers/{name}/{name}.ko.xz": lzma.compress(name.encode())
        for name in recipe.KERNEL_MODULES
    }
    return deb({"boot/vmlinuz-6.12": b"kernel", "boot/config-6.12": b"", **modules, **more})


LIBRARY = "lib/x86_64-linux-gnu"
PYTHON = {
    recipe.INTERPRETER: b"python",
    "usr/lib/python3.11/os.py": b"import stat\n",
    "usr/lib/python3.11/turtle.py": b"pass\n",
    "usr/lib/python3.11/json/__init__.py": b"",
    "usr/lib/python3.11/json/tool.py": b"",
    "usr/lib/python3.11/ctypes/test/test_all.py": b"",
    "usr/lib/python3.11/encodings/utf_8.py": b"",
    "usr/lib/python3.11/encodings/cp037.py": b"",
    "usr/lib/python3.11/LICENSE.txt": b"",
    "usr/lib/python3.11/os.pyi": "os.py",
    "usr/lib/python3.11/lib-dynload/_ctypes.cpython-311-x86_64-linux-gnu.so": b"elf",
    "usr/lib/python3.11/lib-dynload/_sqlite3.cpython-311-x86_64-linux-gnu.so": b"elf",
}
ENGINE = {
    "wasmtime/linux-x86_64/_libwasmtime.so": b"engine",
    "wasmtime/_bindings.py": b"",
    "wasmtime-50.0.1.dist-info/METADATA": b"Name: wasmtime\n",
    "wasmtime-50.0.1.dist-info/RECORD": b"",
}
CRYPTOGRAPHY = {"cryptography/x509.py": b"1\n", "cryptography/x509.pyi": b""}


@pytest.fixture
def inputs() -> dict[Input, bytes]:
    """One of everything that the recipe takes from."""
    return dict(
        [
            given("kernel", "linux-image", kernel_package()),
            *_libraries(),
            given("interpreter", "python3.11-minimal", deb(PYTHON)),
            given("interpreter", "libpython3.11", deb({"usr/lib/python3.11/stat.py": b""})),
            given("firmware-vm", "seabios", deb({recipe.FIRMWARE["vm"][0]: bytes(4096)})),
            given("firmware-tdx", "ovmf-inteltdx", deb({recipe.FIRMWARE["tdx"][1]: bytes(8192)})),
            given("library", "wasmtime", wheel(ENGINE), kind="wheel"),
            given("library", "cryptography", wheel(CRYPTOGRAPHY), kind="wheel"),
        ]
    )


def _libraries() -> Iterator[tuple[Input, bytes]]:
    """Every package with a shared object; behind links, as Debian has most of them."""
    libc = {f"{LIBRARY}/{name}": name.encode() for name in recipe.SHARED_OBJECTS["libc6"]}
    yield given("library", "libc6", deb({**libc, f"{LIBRARY}/ld-linux-x86-64.so.2": b"loader"}))
    for name, objects in recipe.SHARED_OBJECTS.items():
        if name != "libc6":
            files = {f"usr/{LIBRARY}/{one}.9": one.encode() for one in objects}
            links = {f"usr/{LIBRARY}/{one}": f"{one}.9" for one in objects}
            yield given("library", name, deb({**files, **links}))
