"""Machines of tests: real QEMU with a few instructions for a guest, or a program that plays it."""

from __future__ import annotations

import os
import select
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.host.vm import roms

import enarx
from enarx.host.vm.keep import Artefacts, Machines, VmKeep
from enarx.host.vm.shape import Vm

QEMU = os.environ.get("ENARX_QEMU") or shutil.which("qemu-system-x86_64") or ""
"""The real one; tests that start it are marked with what they need."""
DEADLINE_S = 30.0

NewMachines = Callable[..., Machines]


@pytest.fixture(scope="session")
def fake_qemu(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The path of a program that plays QEMU."""
    path = tmp_path_factory.mktemp("bin") / "qemu"
    code = Path(__file__).with_name("fake_qemu.py").read_text()
    source = str(Path(enarx.__file__).parent.parent)
    start = f"import sys; sys.path.append({source!r})"
    body = code.replace("import json\n", f"{start}\nimport json\n", 1)
    path.write_text(f"#!{sys.executable} -IS\n{body}")
    path.chmod(0o755)
    return str(path)


@pytest.fixture
def machines() -> Iterator[NewMachines]:
    """Start machines of real QEMU with *firmware*, closed at the end."""
    made: list[Machines] = []

    def make(firmware: bytes = b"", qemu: str = QEMU, **options: object) -> Machines:
        artefacts = Artefacts(firmware=firmware or roms.wait())
        made.append(Machines(qemu, plain(), artefacts, **options))  # type: ignore[arg-type]
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def played(fake_qemu: str) -> Iterator[NewMachines]:
    """Start machines that are played, as *behaviour* says, closed at the end."""
    made: list[Machines] = []

    def make(behaviour: str, **options: object) -> Machines:
        vm = plain(command_line=behaviour)
        artefacts = Artefacts(firmware=b"firmware", kernel=b"kernel")
        made.append(Machines(fake_qemu, vm, artefacts, **options))  # type: ignore[arg-type]
        return made[-1]

    yield make
    for one in made:
        one.close()


def plain(**options: object) -> Vm:
    """A small machine without a technology."""
    given: dict[str, object] = {
        "technology": "none",
        "accelerator": "tcg",
        "memory_mib": 64,
        "cpu_model": "max",
    }
    return Vm(**(given | options))  # type: ignore[arg-type]


def launch(machines: Machines) -> VmKeep:
    """One keep, without its broker."""
    keep, broker = machines.launch_agent()
    broker.close()
    return keep


def until(machines: Machines, true: Callable[[], bool]) -> None:
    """Take what the machines say until something is so."""
    while not true():
        ready, _, _ = select.select([machines], [], [], DEADLINE_S)
        assert ready, "nothing happens"
        machines.pump()


def run(machines: Machines) -> VmKeep:
    """One keep from its start to its end."""
    keep = launch(machines)
    until(machines, lambda: keep.over)
    keep.close()
    return keep


def children(pid: int) -> dict[str, int]:
    """The processes below the machine process *pid*: "qemu" and "carrier"."""
    found = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    programs = {int(child): Path(f"/proc/{child}/cmdline").read_bytes() for child in found}
    return {
        "qemu" if b"-nodefaults" in line else "carrier": child for child, line in programs.items()
    }


def ends(*pids: int) -> Callable[[], None]:
    """Return what waits for the end of processes that exist now, whoever's they are."""
    handles = [os.pidfd_open(pid) for pid in pids]

    def wait() -> None:
        for handle in handles:
            assert select.select([handle], [], [], DEADLINE_S)[0], "a process lives on"
            os.close(handle)

    return wait
