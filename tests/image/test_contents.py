"""What of its inputs is in an image, and from which each file is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.image.conftest import deb, given, kernel_package, wheel

from enarx.errors import MalformedError, MisconfiguredError
from enarx.image import recipe
from enarx.image.archive import File, Link
from enarx.image.contents import OWN, contents, interpreter, unpacked

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from enarx.image.inputs import Input

    Inputs = dict[Input, bytes]

OURS = {"keep/boot.py": b"1\n", "cli/main.py": b"2\n", "keep/notes.txt": b"", "frames.py": b"3\n"}


def compiled(sources: Mapping[str, bytes]) -> Mapping[str, bytes]:
    """What stands for a compiler."""
    return {name: b"pyc of " + data for name, data in sources.items()}


def test_the_tree(inputs: Inputs) -> None:
    """What the recipe names, compiled Python, and nothing else."""
    found = contents(unpacked(inputs), OURS, compiled)
    library = recipe.LIBRARY_FOLDER
    assert found.tree[f"{library}/libz.so.1"] == File(b"libz.so.1", executable=True)
    assert found.tree[recipe.LOADER] == File(b"loader", executable=True)
    assert found.tree[recipe.INTERPRETER] == File(b"python", executable=True)
    assert found.tree["usr/lib/python3.11/os.pyc"] == File(b"pyc of import stat\n")
    assert found.tree["usr/lib/enarx/enarx/keep/boot.pyc"] == File(b"pyc of 1\n")
    assert found.tree["usr/lib/modules/tsm.ko"] == File(b"tsm")
    assert found.tree["lib"] == Link("usr/lib")
    assert found.tree["dev"] is None
    assert found.kernel == b"kernel"
    assert {name: len(data) for name, data in found.firmware.items()} == {"vm": 4096, "tdx": 8192}
    assert set(found.origins) == {n for n, file in found.tree.items() if isinstance(file, File)}
    assert found.origins["usr/lib/modules/tsm.ko"] == "linux-image"
    assert found.origins["init"] == OWN


@pytest.mark.parametrize(
    "name",
    [
        "usr/lib/python3.11/turtle.pyc",
        "usr/lib/python3.11/json/tool.pyc",
        "usr/lib/python3.11/encodings/cp037.pyc",
        "usr/lib/python3.11/ctypes/test/test_all.pyc",
        "usr/lib/python3.11/LICENSE.txt",
        "usr/lib/python3.11/lib-dynload/_sqlite3.cpython-311-x86_64-linux-gnu.so",
        "usr/lib/enarx/wasmtime/_bindings.pyc",
        "usr/lib/enarx/wasmtime-50.0.1.dist-info/RECORD",
        "usr/lib/enarx/cryptography/x509.pyi",
        "usr/lib/enarx/enarx/cli/main.pyc",
        "usr/lib/enarx/enarx/keep/notes.txt",
        "usr/lib/enarx/enarx/keep/boot.py",
    ],
)
def test_what_no_keep_needs_is_not_there(name: str, inputs: Inputs) -> None:
    """What is in an image is trusted, so each of these would be one thing more to trust."""
    assert name not in contents(unpacked(inputs), OURS, compiled).tree


def test_the_interpreter_has_its_whole_library(inputs: Inputs) -> None:
    """The compiler may need what a keep does not."""
    tree = interpreter(unpacked(inputs))
    assert tree["usr/lib/python3.11/turtle.py"] == File(b"pass\n")
    assert recipe.LOADER in tree
    assert recipe.INTERPRETER in tree


def without(name: str) -> Callable[[Inputs], Inputs]:
    """The inputs without one."""
    return lambda inputs: {each: data for each, data in inputs.items() if each.name != name}


def instead(role: str, name: str, data: bytes, kind: str = "deb") -> Callable[[Inputs], Inputs]:
    """The inputs with another one of that name."""
    return lambda inputs: without(name)(inputs) | dict((given(role, name, data, kind=kind),))


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (without("libc6"), "libc6 is not among them"),
        (without("linux-image"), "got 0 with the role kernel"),
        (instead("library", "zlib1g", deb({})), "has no libz.so.1"),
        (
            instead("library", "zlib1g", deb({f"{recipe.LIBRARY_FOLDER}/libz.so.1": "libz.so.1"})),
            "has no libz.so.1",
        ),
        (instead("kernel", "linux-image", deb({"boot/vmlinuz-1": b""})), "got 0 modules configfs"),
        (
            instead("kernel", "linux-image", kernel_package(**{"boot/vmlinuz-2": b""})),
            "got 2 kernels",
        ),
        (
            instead("kernel", "linux-image", kernel_package(**{"lib/tsm.ko.xz": b"junk"})),
            "got 2 modules tsm",
        ),
        (instead("firmware-vm", "seabios", deb({})), "has no usr/share/seabios"),
        (instead("library", "numpy", wheel({}), "wheel"), "recipe does not know"),
    ],
)
def test_inputs_that_make_no_image(
    change: Callable[[Inputs], Inputs], problem: str, inputs: Inputs
) -> None:
    """Which one, and what is wrong with it."""
    with pytest.raises((MalformedError, MisconfiguredError), match=problem):
        contents(unpacked(change(inputs)), OURS, compiled)


def test_a_damaged_module(inputs: Inputs) -> None:
    """The kernel would refuse it later, without a name."""
    files = {f"m/{name}.ko.xz": b"junk" for name in recipe.KERNEL_MODULES}
    package = deb({"boot/vmlinuz-1": b"", **files})
    changed = instead("kernel", "linux-image", package)(inputs)
    with pytest.raises(MalformedError, match="module configfs is damaged"):
        contents(unpacked(changed), OURS, compiled)
