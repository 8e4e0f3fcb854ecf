"""The SGX extension of PCK certificates, entry by entry."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from cryptography.hazmat.asn1 import TLV
from cryptography.x509 import ObjectIdentifier
from hypothesis import given
from hypothesis import strategies as st

from enarx.errors import MalformedError
from enarx.tee.dcap.pck import SGX_EXTENSION, Configuration, PckIdentity, is_pck, pck_identity
from enarx.tee.simulated.certificates import certify, signer, valid_for
from enarx.tee.simulated.machine import IntelMachine
from enarx.tee.x509 import load_certificate
from enarx.wire import der

Edit = Callable[[dict[str, bytes]], None]

BOOLEAN = b"\x01\x01\xff"


def entries(content: bytes) -> dict[str, bytes]:
    """The entries of a sequence of attributes: the last arc and the value, DER."""
    found: dict[str, TLV] = der.attributes(content, "test")
    return {oid.removeprefix(f"{SGX_EXTENSION}."): der.element(v) for oid, v in found.items()}


def sequence(items: dict[str, bytes]) -> bytes:
    """The other way."""
    return der.sequence(
        *(
            der.sequence(der.encode(ObjectIdentifier(f"{SGX_EXTENSION}.{arc}")), value)
            for arc, value in items.items()
        )
    )


def identity(machine: IntelMachine, content: bytes) -> PckIdentity:
    """What a certificate with the extension *content* says."""
    extensions = ((SGX_EXTENSION, content),)
    made = certify(
        machine.pck,
        machine.root.pck_ca(machine.ca),
        valid_for(machine.issued, 1),
        roles=signer(),
        extensions=extensions,
    )
    return pck_identity(load_certificate(made, "test"), "PCK certificate")


def test_a_certificate_of_the_platform_ca(simulated_intel: IntelMachine) -> None:
    """Every entry is read, those of platforms with many packages too."""
    machine = replace(simulated_intel, dynamic_platform=True, cached_keys=False, smt=True)
    found = identity(machine, machine._sgx_extensions())
    assert (found.ppid, found.fmspc) == (machine.ppid, machine.fmspc)
    assert (found.components, found.pce_svn) == (machine.cpu_svn, machine.pce_svn)
    assert (found.cpu_svn, found.pce_id) == (bytes(machine.cpu_svn), machine.pce_id)
    assert found.sgx_type == "scalable"
    assert len(found.instance_id) == 16
    assert found.configuration == Configuration(dynamic_platform=True, cached_keys=False, smt=True)


def test_a_certificate_of_the_processor_ca(simulated_intel: IntelMachine) -> None:
    """It has neither instance id nor configuration: nothing is said about threads."""
    machine = replace(simulated_intel, ca="processor")
    found = identity(machine, machine._sgx_extensions())
    assert (found.instance_id, found.configuration) == (b"", None)
    assert found.sgx_type == "standard"


def test_which_certificates_are_pck_certificates(simulated_intel: IntelMachine) -> None:
    """The extension makes one; the authorities have none."""
    pck, *others = (load_certificate(c, "test") for c in simulated_intel.certificates())
    assert is_pck(pck)
    for other in others:
        assert not is_pck(other)
        with pytest.raises(MalformedError, match="no SGX extension"):
            pck_identity(other, "PCK certificate")


def drop(arc: str) -> Edit:
    """Leave an entry out."""
    return lambda items: items.__delitem__(arc)


def put(arc: str, value: bytes) -> Edit:
    """Write another value."""
    return lambda items: items.__setitem__(arc, value)


def inside(arc: str, edit: Edit) -> Edit:
    """Edit an entry that is a sequence itself."""

    def edited(items: dict[str, bytes]) -> None:
        inner = entries(items[arc])
        edit(inner)
        items[arc] = sequence(inner)

    return edited


WRONG: dict[str, tuple[Edit, str]] = {
    "no PPID": (drop("1"), r"no .*\.13\.1\.1"),
    "no TCB": (drop("2"), r"no .*\.13\.1\.2"),
    "half of a platform": (drop("7"), "want|no |entries of one kind"),
    "an unknown entry": (put("8", der.encode(1)), r"unknown .*\.13\.1\.8"),
    "a short PPID": (put("1", der.encode(bytes(15))), "PPID: got 15 bytes"),
    "a PPID of another type": (put("1", der.encode("x" * 16)), "PPID.*octet string"),
    "a long FMSPC": (put("4", der.encode(bytes(7))), "FMSPC: got 7 bytes"),
    "a short PCE-ID": (put("3", der.encode(b"")), "PCE-ID"),
    "a short instance id": (put("6", der.encode(bytes(8))), "instance id"),
    "an unknown SGX type": (put("5", b"\x0a\x01\x03"), "SGX type: got 3"),
    "an SGX type that is no enumeration": (put("5", der.encode(1)), "not an enumerated"),
    "an SGX type of two bytes": (put("5", b"\x0a\x02\x01\x00"), "not an enumerated"),
    "a TCB that is no sequence": (put("2", der.encode(1)), "TCB: not the DER"),
    "a missing component": (inside("2", drop("2.16")), r"TCB: no .*\.2\.16"),
    "an unknown component": (inside("2", put("2.19", der.encode(1))), r"unknown .*\.2\.19"),
    "a large component": (inside("2", put("2.1", der.encode(256))), "want an SVN of 0 to 255"),
    "a negative component": (inside("2", put("2.3", der.encode(-1))), "got -1"),
    "a component of bytes": (inside("2", put("2.2", der.encode(b"\x01"))), "want an SVN"),
    "a large PCESVN": (inside("2", put("2.17", der.encode(1 << 16))), "want an SVN of 0 to 65535"),
    "a short CPUSVN": (inside("2", put("2.18", der.encode(bytes(15)))), "want a CPUSVN"),
    "a CPUSVN that is a number": (inside("2", put("2.18", der.encode(1))), "want a CPUSVN"),
    "a component of another type": (inside("2", put("2.4", BOOLEAN)), "not the DER"),
    "a configuration without threads": (inside("7", drop("7.3")), r"configuration: no .*\.7\.3"),
    "an unknown setting": (inside("7", put("7.4", BOOLEAN)), r"unknown .*\.7\.4"),
    "a setting that is a number": (inside("7", put("7.3", der.encode(1))), "configuration"),
    "no configuration but bytes": (put("7", der.encode(b"")), "configuration"),
}


@pytest.mark.parametrize(("edit", "problem"), WRONG.values(), ids=WRONG)
def test_what_the_profile_does_not_have_is_refused(
    simulated_intel: IntelMachine, edit: Edit, problem: str
) -> None:
    """One fault at a time, named."""
    items = entries(simulated_intel._sgx_extensions())
    edit(items)
    with pytest.raises(MalformedError, match=problem):
        identity(simulated_intel, sequence(items))


def test_entries_occur_once(simulated_intel: IntelMachine) -> None:
    """A second value of an identifier is refused, outside and inside of the TCB."""
    content = simulated_intel._sgx_extensions()
    items = entries(content)
    component = der.sequence(der.encode(ObjectIdentifier(f"{SGX_EXTENSION}.2.1")), der.encode(1))
    doubled = {**items, "2": der.sequence(*_parts(items["2"]), component)}
    for twice in (sequence(doubled), der.sequence(*_parts(content), _parts(content)[0])):
        with pytest.raises(MalformedError, match="occurs twice"):
            identity(simulated_intel, twice)


def _parts(content: bytes) -> list[bytes]:
    """The elements of a sequence of attributes, DER."""
    return [
        der.sequence(der.encode(ObjectIdentifier(oid)), der.element(value))
        for oid, value in der.attributes(content, "test").items()
    ]


@given(junk=st.binary(max_size=300))
def test_junk_is_malformed(simulated_intel: IntelMachine, junk: bytes) -> None:
    """Whatever stands in the extension is refused as malformed."""
    with pytest.raises(MalformedError):
        identity(simulated_intel, junk)
