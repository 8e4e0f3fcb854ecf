"""The manifest of an enclave: deterministic, complete, without a way around what is measured."""

from __future__ import annotations

import dataclasses
import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enarx.errors import MisconfiguredError
from enarx.host.gramine.manifest import Enclave, TrustedFile, text

FILES = (
    TrustedFile(path="/usr/lib/python3.11/os.py", sha256="ab" * 32),
    TrustedFile(path="/usr/bin/python3.11", sha256="cd" * 32),
)
LIBOS = "/usr/lib/x86_64-linux-gnu/gramine/libsysdb.so"


def enclave(**options: object) -> Enclave:
    """A small enclave."""
    given_: dict[str, object] = {
        "libos": LIBOS,
        "runtime": "/usr/lib/x86_64-linux-gnu/gramine/runtime/glibc",
        "entrypoint": "/usr/bin/python3.11",
        "argv": ("python3", "-I", "-c", 'print("hello")'),
        "files": FILES,
        "directories": ("/usr/lib/python3.11", "/usr/bin"),
    }
    return Enclave(**(given_ | options))  # type: ignore[arg-type]


def test_the_manifest_word_for_word() -> None:
    """Every line is there for a reason, and there is no other."""
    assert text(enclave(libraries=("/usr/bin",))) == (
        f'loader.entrypoint.uri = "file:{LIBOS}"\n'
        'libos.entrypoint = "/usr/bin/python3.11"\n'
        'loader.argv = ["python3", "-I", "-c", "print(\\"hello\\")"]\n'
        'loader.env.LD_LIBRARY_PATH = "/lib:/usr/bin"\n'
        'loader.log_level = "error"\n'
        "sys.disallow_subprocesses = true\n"
        "fs.mounts = [\n"
        '  { path = "/lib", uri = "file:/usr/lib/x86_64-linux-gnu/gramine/runtime/glibc" },\n'
        '  { path = "/usr/bin", uri = "file:/usr/bin" },\n'
        '  { path = "/usr/lib/python3.11", uri = "file:/usr/lib/python3.11" },\n'
        '  { type = "tmpfs", path = "/tmp" },\n'
        "]\n"
        "sgx.debug = false\n"
        "sgx.edmm_enable = false\n"
        'sgx.remote_attestation = "dcap"\n'
        'sgx.file_check_policy = "strict"\n'
        'sgx.enclave_size = "1024M"\n'
        "sgx.max_threads = 11\n"
        "sgx.isvprodid = 0\n"
        "sgx.isvsvn = 0\n"
        "sgx.trusted_files = [\n"
        f'  {{ uri = "file:/usr/bin/python3.11", sha256 = "{"cd" * 32}" }},\n'
        f'  {{ uri = "file:/usr/lib/python3.11/os.py", sha256 = "{"ab" * 32}" }},\n'
        "]\n"
    )


@given(st.permutations(FILES), st.permutations(("/usr/bin", "/usr/lib/python3.11", "/usr/bin")))
def test_order_does_not_matter(files: list[TrustedFile], directories: list[str]) -> None:
    """The same files and directories in whatever order are the same bytes."""
    other = enclave(files=tuple(files), directories=tuple(directories))
    assert text(other) == text(enclave())


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1))
def test_words_arrive_as_they_are(word: str) -> None:
    """Quotes, backslashes and what looks like TOML stay one word of the command line."""
    read = tomllib.loads(text(enclave(argv=("python3", word))))
    assert read["loader"]["argv"] == ["python3", word]


def test_nothing_comes_from_the_host() -> None:
    """No file is allowed without a hash, and no insecure or debugging option is there."""
    manifest = text(enclave())
    read = tomllib.loads(manifest)
    assert "insecure" not in manifest
    assert "passthrough" not in manifest
    assert "allowed_files" not in read["sgx"]
    assert read["sgx"]["debug"] is False
    assert all(file["sha256"] for file in read["sgx"]["trusted_files"])


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"libos": "libsysdb.so"}, "want an absolute path"),
        ({"entrypoint": "/usr/../bin/python3"}, "want an absolute path"),
        ({"directories": ("/caf\xe9",)}, "want an absolute path"),
        ({"libraries": ("/lib64",)}, "libraries: want some of the directories"),
        ({"argv": ()}, "argv: want printable words"),
        ({"argv": ("a\nb",)}, "argv: want printable words"),
        ({"files": ()}, "files: want each file once"),
        ({"files": FILES + FILES[:1]}, "files: want each file once"),
        ({"size_mib": 1000}, "size_mib: got 1000, want a power of two"),
        ({"size_mib": 32}, "size_mib: got 32"),
        ({"threads": 0}, "threads: got 0, want 1 to 256"),
        ({"isv_svn": 65536}, "isv_svn: got 65536"),
    ],
)
def test_refused(options: dict[str, object], says: str) -> None:
    """What Gramine would refuse, round, or read differently is refused by name."""
    with pytest.raises(MisconfiguredError) as refused:
        enclave(**options)
    assert says in str(refused.value)


def test_a_file_has_a_hash() -> None:
    """A trusted file without a SHA-256 would be trusted as whatever it is at signing."""
    with pytest.raises(MisconfiguredError, match="got no SHA-256"):
        dataclasses.replace(FILES[0], sha256="AB" * 32)
