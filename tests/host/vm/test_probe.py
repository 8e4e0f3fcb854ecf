"""What there is to start machines with, found out on real programs and on missing ones."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from enarx.errors import UnavailableError
from enarx.host.machine import Machine
from enarx.host.vm import probe, tiny_guest

HERE = Machine(path=os.environ.get("PATH", os.defpath))


@pytest.mark.needs("qemu-system-x86_64")
def test_the_installed_qemu() -> None:
    """Emulation always runs the tiny guest, and each accelerator either does or has a reason."""
    found = probe.probe(HERE)
    assert Path(found.path).name == probe.PROGRAM
    assert tuple(map(int, found.version.split("."))) >= (7, 2)
    assert "none" in found.technologies
    assert "tcg" in found.accelerators
    assert {*found.accelerators, *found.problems} == {"kvm", "tcg"}
    assert not {*found.accelerators} & {*found.problems}
    assert found.accelerator == ("kvm" if "kvm" in found.accelerators else "tcg")
    assert bool(found.emulation) is (found.accelerator == "tcg")


@pytest.mark.needs("qemu-system-x86_64")
def test_an_accelerator_that_is_not_there() -> None:
    """One that QEMU does not know ran no guest, and QEMU's own words say so."""
    problem = probe.try_accelerator(HERE.program(probe.PROGRAM), "xen")  # type: ignore[arg-type]
    assert "did not run" in problem


@pytest.mark.needs("as", "ld")
def test_the_tiny_guest_is_what_its_source_says(tmp_path: Path) -> None:
    """Assembling the source beside this test gives the bytes that are in the product."""
    import subprocess

    source = Path(__file__).with_name("tiny_guest.s")
    for command in (
        ["as", "--64", str(source), "-o", "guest.o"],
        ["ld", "-Ttext=0", "--oformat", "binary", "-e", "0", "guest.o", "-o", "guest.bin"],
    ):
        subprocess.run(command, cwd=tmp_path, check=True)
    code = (tmp_path / "guest.bin").read_bytes()
    assert tiny_guest.firmware()[: len(code)] == code


def test_a_machine_without_qemu(tmp_path: Path) -> None:
    """Where there is none, the error says what to install."""
    with pytest.raises(UnavailableError) as missing:
        probe.probe(Machine(path=str(tmp_path)))
    assert "apt-get install qemu-system-x86" in missing.value.hints[0]


def test_a_program_that_is_no_qemu(tmp_path: Path) -> None:
    """A program that fails, or says no version, is none."""
    program = tmp_path / probe.PROGRAM
    for text, says in (("exit 1", "does not answer --version"), ("echo hi", "its version")):
        program.write_text(f"#!/bin/sh\n{text}\n")
        program.chmod(0o755)
        with pytest.raises(UnavailableError, match=says):
            probe.probe(Machine(path=str(tmp_path)))


def test_a_qemu_with_technologies(tmp_path: Path) -> None:
    """The objects of a QEMU are its technologies; where nothing runs, each reason is named."""
    program = tmp_path / probe.PROGRAM
    program.write_text(
        "#!/bin/sh\n"
        'case "$1" in\n'
        '--version) echo "QEMU emulator version 10.1.2 (x)";;\n'
        '-object) printf "List:\\n  sev-snp-guest\\n  tdx-guest\\n";;\n'
        "*) echo no such accelerator >&2; exit 1;;\n"
        "esac\n"
    )
    program.chmod(0o755)
    found = probe.probe(Machine(root=str(tmp_path), path=str(tmp_path)))
    assert (found.version, found.technologies) == ("10.1.2", ("none", "snp", "tdx"))
    assert found.accelerators == ()
    with pytest.raises(UnavailableError, match=r"tcg: a test guest .* such accelerator"):
        _ = found.accelerator


def test_firmware_is_found_or_named(tmp_path: Path) -> None:
    """A distribution's file, or the one that was named; else the package that would bring it."""
    machine = Machine(root=str(tmp_path))
    with pytest.raises(UnavailableError) as missing:
        probe.firmware("snp", machine)
    assert "ovmf-amdsev" in missing.value.hints[0]
    with pytest.raises(UnavailableError, match="/nowhere: is not there"):
        probe.firmware("snp", machine, path="/nowhere")
    there = tmp_path / "usr/share/ovmf/OVMF.amdsev.fd"
    there.parent.mkdir(parents=True)
    there.write_bytes(b"x")
    assert probe.firmware("snp", machine) == str(there)
