"""Packages on a disk: what goes in, one digest for all forms, nothing partial, nothing heavy."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from enarx.adapters import package_files
from enarx.errors import EnarxError, MalformedError, MisconfiguredError, UnavailableError
from enarx.package import files_layer, layout, manifest
from enarx.package.tar import FILE, Member

MODULE = b"\0asm\x01\0\0\0"


@pytest.fixture
def app(tmp_path: Path) -> Path:
    """A directory with a program, a configuration and files."""
    folder = tmp_path / "app"
    (folder / "assets" / "deep").mkdir(parents=True)
    (folder / "main.wasm").write_bytes(MODULE)
    (folder / "Enarx.toml").write_text('args = ["x"]\n')
    (folder / "assets" / "deep" / "ü.txt").write_text("hello\n")
    (folder / "assets" / "run").write_text("#!/bin/sh\n")
    (folder / "assets" / "run").chmod(0o755)
    (folder / "assets" / "link").symlink_to("deep/ü.txt")
    (folder / ".hidden").write_text("kept\n")
    (folder / "empty").mkdir()
    return folder


def paths(package_of: Path) -> list[str]:
    """The paths in the files layer of a package."""
    layer = package_files.load(str(package_of)).files_layer
    return [member.path for member in files_layer.members(layer or b"")]


def test_every_form_has_one_digest(app: Path, tmp_path: Path) -> None:
    """Directory, archive, layout directory and unpacked copy are the same package."""
    package = package_files.load(str(app))
    package_files.write_new(str(tmp_path / "app.tar"), layout.write_layout(package))
    with tarfile.open(tmp_path / "app.tar") as archive:
        archive.extractall(tmp_path / "layout", filter="data")
    package_files.unpack(package, str(tmp_path / "copy"))
    for form in ("app.tar", "layout", "copy"):
        assert package_files.load(str(tmp_path / form)).digest == package.digest
    alone = package_files.load(str(app / "main.wasm"))
    assert alone.digest != package.digest
    assert alone.config is None


def test_times_modes_and_order_do_not_matter(app: Path, tmp_path: Path) -> None:
    """Another time, umask and order of creation give the same bytes."""
    before = package_files.load(str(app))
    copy = tmp_path / "copy"
    old = os.umask(0o077)
    try:
        package_files.unpack(before, str(copy))
    finally:
        os.umask(old)
    for path in [copy, *copy.rglob("*")]:
        os.utime(path, (1, 1), follow_symlinks=False)
    after = package_files.load(str(copy))
    assert after.manifest == before.manifest
    assert [blob.data for blob in after.blobs] == [blob.data for blob in before.blobs]


def test_what_a_directory_holds(app: Path) -> None:
    """Hidden files and empty folders go in; the program, Enarx.toml and .git do not."""
    (app / ".git").mkdir()
    (app / ".git" / "config").write_text("")
    assert paths(app) == [
        ".hidden", "assets", "assets/deep", "assets/deep/ü.txt", "assets/link", "assets/run",
        "empty",
    ]  # fmt: skip
    assert package_files.skipped(str(app)) == (".git",)


def test_the_only_program_is_the_program(app: Path) -> None:
    """Without main.wasm, a single *.wasm is the program, with the same digest."""
    before = package_files.load(str(app)).digest
    (app / "main.wasm").rename(app / "hello.wasm")
    assert package_files.load(str(app)).digest == before


def test_another_enarx_toml(app: Path, tmp_path: Path) -> None:
    """A given Enarx.toml takes the place of the package's own, in every form."""
    other = tmp_path / "other.toml"
    other.write_text("args = []\n")
    package_files.write_new(
        str(tmp_path / "app.tar"), layout.write_layout(package_files.load(str(app)))
    )
    found = [package_files.load(str(p), config=str(other)) for p in (app, tmp_path / "app.tar")]
    assert found[0].config == b"args = []\n"
    assert found[0].digest == found[1].digest


def test_devices_and_sockets_are_refused(app: Path) -> None:
    """A directory with a pipe or a socket in it is no package."""
    os.mkfifo(app / "pipe")
    with pytest.raises(MalformedError, match="'pipe' is a device, a socket or a pipe"):
        package_files.load(str(app))
    (app / "pipe").unlink()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(app / "s"))
        with pytest.raises(MalformedError, match="'s' is a device, a socket or a pipe"):
            package_files.load(str(app))


def test_names_that_are_not_utf8_are_refused(app: Path) -> None:
    """The application could not open such a file, so it is refused by name."""
    Path(os.fsdecode(os.fsencode(app) + b"/\xff")).write_text("")
    with pytest.raises(MalformedError, match="is not UTF-8"):
        package_files.load(str(app))


def test_nothing_is_overwritten_and_nothing_left(app: Path, tmp_path: Path) -> None:
    """An existing target stays as it is, and no partial file remains beside it."""
    package = package_files.load(str(app))
    target = tmp_path / "out"
    target.write_text("mine")
    for write in (
        lambda: package_files.write_new(str(target), b"x"),
        lambda: package_files.unpack(package, str(target)),
    ):
        with pytest.raises(MisconfiguredError, match="does already exist"):
            write()
    assert target.read_text() == "mine"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["app", "out"]


def test_a_failed_write_leaves_nothing(tmp_path: Path) -> None:
    """A target whose folder is missing is our error."""
    with pytest.raises(MisconfiguredError, match="no such file or directory"):
        package_files.write_new(str(tmp_path / "no" / "x"), b"x")
    assert list(tmp_path.iterdir()) == []


def test_errors_say_whose_fault(app: Path, tmp_path: Path) -> None:
    """A missing path is the operator's, an unreadable one the world's, a bad one the input's."""
    assert failure(tmp_path / "none.wasm") is MisconfiguredError
    assert failure(Path("/dev/null")) is MisconfiguredError
    assert failure(tmp_path / ("x" * 300)) is MisconfiguredError
    assert failure(app / "Enarx.toml") is MalformedError
    assert failure(Path("/proc/self/mem")) in (UnavailableError, MalformedError)
    with pytest.raises(MisconfiguredError, match="is not a path"):
        package_files.load("a\0b")


def failure(path: Path) -> type[EnarxError]:
    """The class of error that loading *path* raises."""
    with pytest.raises(EnarxError) as caught:
        package_files.load(str(path))
    assert str(caught.value).startswith(str(path))
    return type(caught.value)


def test_a_large_enarx_toml_is_the_operators_fault(app: Path) -> None:
    """More than 1,000,000 bytes of Enarx.toml are refused before they are parsed."""
    (app / "Enarx.toml").write_bytes(b"#" * 1_000_001)
    with pytest.raises(MisconfiguredError, match=r"too large \(want at most 1000000 bytes\)"):
        package_files.load(str(app))


def test_a_program_comes_from_a_pipe(tmp_path: Path) -> None:
    """A pipe is read to its end, as the shell's <(…) needs."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = subprocess.Popen([sys.executable, "-c", f"open({str(pipe)!r},'wb').write({MODULE!r})"])
    assert package_files.load(str(pipe)).module == MODULE
    assert writer.wait(10) == 0


def test_a_plain_program_loads_nothing_heavy(app: Path) -> None:
    """Loading a .wasm imports no dataclasses, typing, pathlib, tomllib, zstandard or click."""
    code = (
        "import sys; from enarx.adapters.package_files import load; load(sys.argv[1]);"
        "print([m for m in ('dataclasses','typing','pathlib','tomllib','zstandard','click',"
        "'tempfile','shutil','inspect','ipaddress') if m in sys.modules])"
    )
    path = str(Path(package_files.__file__).parents[2])
    out = subprocess.run(
        [sys.executable, "-S", "-c", code, str(app / "main.wasm")],
        env={"PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=True,
    )
    assert out.stdout == "[]\n"


def test_files_cannot_replace_the_program(tmp_path: Path) -> None:
    """A foreign files layer with a main.wasm of its own is not unpacked over the program."""
    layer = files_layer.build([Member(path="main.wasm", kind=FILE, data=b"other")])
    package = manifest.build(MODULE, None, layer)
    with pytest.raises(MalformedError, match=r"'main.wasm' is not allowed in it"):
        package_files.unpack(package, str(tmp_path / "out"))
    assert list(tmp_path.iterdir()) == []


def test_errors_of_an_unreadable_folder(app: Path, tmp_path: Path) -> None:
    """A layout that lost a blob, an empty layout and a link to nowhere are one clear error."""
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}')
    assert str_failure(tmp_path / "empty").endswith("index.json: no such file or directory")
    (app / "main.wasm").unlink()
    (app / "main.wasm").symlink_to("nowhere")
    assert str_failure(app).endswith("main.wasm: no such file or directory")


def str_failure(path: Path) -> str:
    """The message of the error that loading *path* raises."""
    with pytest.raises(EnarxError) as caught:
        package_files.load(str(path))
    return str(caught.value)
