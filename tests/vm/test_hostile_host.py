"""A host that plays with the port of a real machine: the machine ends, and says nothing more."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from typing import TYPE_CHECKING

import pytest

from enarx.adapters.image_folder import ImageFolder
from enarx.host.vm.command import Ends, Files, argv
from enarx.host.vm.shape import EMULATED_PROCESSOR, Vm
from enarx.tunnel import records
from enarx.tunnel.records import HOST, Hello

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = [pytest.mark.slow, pytest.mark.needs("qemu-system-x86_64")]

PATIENCE_S = 120.0
AGENT_LINK = 0
GREETING = records.encode_hello(Hello(HOST, 2, 1 << 20))


@pytest.fixture
def machine(vm_image: Path) -> Iterator[tuple[subprocess.Popen[bytes], socket.socket]]:
    """QEMU with our image, and the host's end of its port."""
    qemu = shutil.which("qemu-system-x86_64")
    assert qemu is not None
    image = ImageFolder(str(vm_image))
    vm = Vm(
        technology="none",
        accelerator="tcg",
        memory_mib=512,
        cpu_model=EMULATED_PROCESSOR,
        command_line=image.manifest.command_line,
    )
    files = Files(
        firmware=str(vm_image / "bios-256k.bin"),
        kernel=str(vm_image / "vmlinuz"),
        initrd=str(vm_image / "initrd.img"),
    )
    (ours, port), (monitor, qemus) = socket.socketpair(), socket.socketpair()
    with ours, port, monitor, qemus:
        ends = Ends(link=port.fileno(), qmp=qemus.fileno())
        command = [word for word in argv(qemu, vm, files, ends) if word != "-S"]
        process = subprocess.Popen(
            command, pass_fds=(port.fileno(), qemus.fileno()), stderr=subprocess.DEVNULL
        )
        port.close()
        qemus.close()
        ours.settimeout(PATIENCE_S)
        try:
            yield process, ours
        finally:
            process.kill()
            process.wait()


def junk(port: socket.socket) -> None:
    """Bytes that are nothing."""
    port.sendall(os.urandom(4096))


def wrong_role(port: socket.socket) -> None:
    """A host that says it is a keep."""
    port.sendall(records.encode_hello(Hello(records.KEEP, 2, 1 << 20)))


def credit(port: socket.socket) -> None:
    """More credit than anybody may give, for a channel that never was."""
    port.sendall(GREETING + records.encode_credit(8, 0xFFFF_FFFF))


def flood(port: socket.socket) -> None:
    """Frames that nobody asked for, until the port is taken away."""
    frame = records.encode_frame(AGENT_LINK, b"{}")
    port.sendall(GREETING)
    try:
        for _ in range(1 << 16):
            port.sendall(frame)
    except OSError:
        return


def closed(port: socket.socket) -> None:
    """Gone in the middle of a record."""
    port.sendall(GREETING + records.encode_frame(AGENT_LINK, bytes(20))[:-5])
    port.close()


@pytest.mark.parametrize("attack", [junk, wrong_role, credit, flood, closed])
def test_a_machine_whose_host_breaks_the_rules_powers_off(
    attack: Callable[[socket.socket], None],
    machine: tuple[subprocess.Popen[bytes], socket.socket],
) -> None:
    """By itself, in order: QEMU ends with status 0, as after the end of an application."""
    process, port = machine
    greeting = port.recv(1024)  # the guest is up
    assert b"enarxtun" in greeting
    attack(port)
    assert process.wait(PATIENCE_S) == 0


def test_a_machine_waits_for_a_host_that_says_nothing(
    machine: tuple[subprocess.Popen[bytes], socket.socket],
) -> None:
    """Stalling is the host's right; when it goes, so does the machine."""
    process, port = machine
    assert b"enarxtun" in port.recv(1024)
    port.settimeout(2.0)
    with pytest.raises(TimeoutError):
        port.recv(1024)
    assert process.poll() is None
    port.close()
    assert process.wait(PATIENCE_S) == 0
