"""Signing through Gramine's tool, played where it is missing; its product is verified."""

from __future__ import annotations

import hashlib
import os
import sys
from pathlib import Path

import pytest
from tests.host.gramine.test_manifest import enclave
from tests.measure import enclaves

from enarx.errors import UnacceptableError, UnauthenticError, UnavailableError
from enarx.host.gramine.manifest import text
from enarx.host.gramine.sign import PROGRAM, sign, trusted
from enarx.host.machine import Machine
from enarx.tee.dcap.enclave import EnclaveFlags

_TOOL = """#!{python} -IS
import sys
options = dict(zip(sys.argv[1::2], sys.argv[2::2]))
assert sorted(options) == ["--date", "--key", "--manifest", "--output", "--sigfile"], options
assert options["--date"] == "0000-00-00"
manifest = open(options["--manifest"]).read()
open(options["--output"], "w").write("# expanded\\n" + manifest)
open(options["--sigfile"], "wb").write(bytes.fromhex({sigstruct!r}))
"""


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """A machine on which programs of the test's own are installed."""
    return Machine(path=str(tmp_path))


def install(folder: Path, sigstruct: bytes) -> None:
    """Play Gramine's tool, which makes *sigstruct*."""
    program(folder, _TOOL.format(python=sys.executable, sigstruct=sigstruct.hex()))


def program(folder: Path, code: str) -> None:
    """The tool, with this code."""
    path = folder / PROGRAM
    path.write_text(code)
    path.chmod(0o755)


def test_what_is_expected_is_what_was_signed(machine: Machine, tmp_path: Path) -> None:
    """MRENCLAVE and MRSIGNER are read from a SIGSTRUCT whose signature verifies."""
    data = enclaves.signed(mr_enclave=b"\x07" * 32)
    install(tmp_path, data)
    signed = sign(machine, enclave(), "/key.pem")
    assert signed.mr_enclave == b"\x07" * 32
    assert signed.mr_signer == enclaves.mr_signer(enclaves.author())
    assert signed.sigstruct == data
    assert signed.manifest.decode() == "# expanded\n" + text(enclave())


def test_a_signature_of_somebody_else(machine: Machine, tmp_path: Path) -> None:
    """A SIGSTRUCT that was changed after it was signed is refused."""
    data = bytearray(enclaves.signed())
    data[960] ^= 1
    install(tmp_path, bytes(data))
    with pytest.raises(UnauthenticError):
        sign(machine, enclave(), "/key.pem")


def test_an_enclave_that_can_be_debugged(machine: Machine, tmp_path: Path) -> None:
    """A debug enclave protects nothing, whoever signed it."""
    install(tmp_path, enclaves.signed(flags=EnclaveFlags(6)))
    with pytest.raises(UnacceptableError, match=r"sgx\.debug: got true, want false"):
        sign(machine, enclave(), "/key.pem")


def test_gramine_is_not_installed(machine: Machine) -> None:
    """Without Gramine the error says so, and where to get it."""
    with pytest.raises(UnavailableError, match="gramine-sgx-sign: is not installed") as missing:
        sign(machine, enclave(), "/key.pem")
    assert "install Gramine 1.9" in missing.value.hints[0]


@pytest.mark.parametrize(
    ("code", "says"),
    [
        ("#!/bin/sh\necho first >&2; echo no key >&2; exit 2\n", "status 2: no key"),
        ("#!/bin/sh\nexit 0\n", "wrote no output"),
        ("#!/nonexistent\n", "did not run"),
    ],
)
def test_the_tool_fails(machine: Machine, tmp_path: Path, code: str, says: str) -> None:
    """A tool that fails says why in its last line; one that does nothing is found out."""
    program(tmp_path, code)
    with pytest.raises(UnavailableError, match=says):
        sign(machine, enclave(), "/key.pem")


def test_files_are_trusted_as_they_are(tmp_path: Path) -> None:
    """Each file once, by name, with its SHA-256; one that is missing is named."""
    first, second = tmp_path / "b", tmp_path / "a"
    first.write_bytes(b"one")
    second.write_bytes(b"two")
    found = trusted([str(first), str(second), str(first)])
    assert [file.path for file in found] == [str(second), str(first)]
    assert found[1].sha256 == hashlib.sha256(b"one").hexdigest()
    with pytest.raises(UnavailableError, match="no such file"):
        trusted([str(tmp_path / "c")])


@pytest.mark.needs("gramine-sgx-sign")
def test_the_real_tool_takes_the_manifest(tmp_path: Path) -> None:
    """Gramine itself reads the manifest, and the same enclave is the same MRENCLAVE twice."""
    from cryptography.hazmat.primitives.serialization import (
        Encoding,
        NoEncryption,
        PrivateFormat,
    )

    key = tmp_path / "key.pem"
    encoding = (Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    key.write_bytes(enclaves.author().private_bytes(*encoding))
    machine = Machine(path=os.environ["PATH"])
    python = os.path.realpath(sys.executable)
    one = enclave(
        entrypoint=python, files=trusted([python]), directories=(str(Path(python).parent),)
    )
    signed = [sign(machine, one, str(key)).mr_enclave for _ in range(2)]
    assert signed[0] == signed[1]
