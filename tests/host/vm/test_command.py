"""The command line for each technology, word for word, and that QEMU takes the plain one."""

from __future__ import annotations

import json
import socket
import subprocess

import pytest
from tests.host.vm.conftest import QEMU, plain

from enarx.host.machine import Machine
from enarx.host.vm.command import Ends, Files, argv
from enarx.host.vm.probe import probe
from enarx.host.vm.shape import SnpLaunch, TdxLaunch, Vm

_EVERY = (
    "/usr/bin/qemu -nodefaults -no-user-config -display none -nic none -no-reboot -S"
    " -sandbox on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny"
)
_Q35 = "-machine q35,smm=off,vmport=off,hpet=off,sata=off,smbus=off,usb=off,i8042=off"
_LINK = (
    "-chardev socket,id=qmp,fd=8 -qmp chardev:qmp -chardev socket,id=link,fd=7"
    " -device virtio-serial-pci,id=ports,max_ports=2,disable-legacy=on,iommu_platform=on"
    " -device virtserialport,id=link,chardev=link,name=org.enarx.link,nr=1"
)
_FILES = Files(firmware="/proc/self/fd/4", kernel="/proc/self/fd/5", initrd="/proc/self/fd/6")
_ENDS = Ends(link=7, qmp=8)


def line(vm: Vm, files: Files = _FILES, ends: Ends = _ENDS) -> str:
    """The command line, as one would type it if no word had a blank."""
    return " ".join(argv("/usr/bin/qemu", vm, files, ends))


def test_plain_machine() -> None:
    """Without a technology it is the same machine, emulated or not, and nothing encrypts it."""
    vm = plain(memory_mib=512, processors=2, command_line="quiet")
    assert line(vm) == (
        f"{_EVERY} -accel tcg,thread=multi {_Q35} -cpu max -m 512M"
        " -smp 2,sockets=1,cores=2,threads=1 -bios /proc/self/fd/4"
        f" -kernel /proc/self/fd/5 -initrd /proc/self/fd/6 -append quiet {_LINK}"
    )


def test_snp_machine() -> None:
    """Hashes of the image are measured, memory is shared by a descriptor, blobs are base64."""
    launch = SnpLaunch(
        policy=0x30000,
        host_data=bytes(32),
        id_block=b"\x01" * 96,
        id_auth=b"\x02" * 4096,
        author_key_enabled=True,
    )
    vm = Vm(
        technology="snp",
        accelerator="kvm",
        memory_mib=1024,
        cpu_model="EPYC-v4",
        command_line="quiet",
        snp=launch,
    )
    assert line(vm) == (
        f"{_EVERY} -accel kvm"
        f" {_Q35},confidential-guest-support=guest0,memory-backend=memory0"
        " -object memory-backend-memfd,id=memory0,size=1024M,share=true,prealloc=false"
        " -object sev-snp-guest,id=guest0,cbitpos=51,reduced-phys-bits=1,policy=0x30000"
        f",kernel-hashes=on,host-data={'A' * 43}=,id-block={'AQEB' * 32}"
        f",id-auth={'AgIC' * 1365}Ag==,author-key-enabled=on"
        " -cpu EPYC-v4 -m 1024M -smp 1,sockets=1,cores=1,threads=1 -bios /proc/self/fd/4"
        f" -kernel /proc/self/fd/5 -initrd /proc/self/fd/6 -append quiet {_LINK}"
    )


def test_snp_machine_that_is_bound_to_nothing() -> None:
    """Without blobs of the operator's none is named, and no author is promised."""
    vm = plain(technology="snp", accelerator="kvm", cpu_model="EPYC", snp=SnpLaunch())
    words = argv("/usr/bin/qemu", vm, _FILES, _ENDS)
    assert words[words.index("-cpu") - 1].endswith(",policy=0x30000,kernel-hashes=on")


def test_tdx_machine() -> None:
    """A trust domain is described in JSON, with what its quotes hold and who signs them."""
    launch = TdxLaunch(mrconfigid=b"\x01" * 48, quote_generation_socket="/run/a,b.socket")
    vm = Vm(
        technology="tdx",
        accelerator="kvm",
        memory_mib=1024,
        cpu_model="host",
        command_line="quiet",
        tdx=launch,
    )
    words = argv("/usr/bin/qemu", vm, _FILES, _ENDS)
    assert json.loads(words[words.index("-object") + 1]) == {
        "qom-type": "tdx-guest",
        "id": "guest0",
        "mrconfigid": "AQEB" * 16,
        "quote-generation-socket": {"type": "unix", "path": "/run/a,b.socket"},
    }
    machine = f"{_Q35},kernel_irqchip=split,confidential-guest-support=guest0"
    assert f" {machine} " in " ".join(words)
    assert words.count("-object") == 1


def test_a_command_line_is_one_word() -> None:
    """Blanks, commas and what looks like an option reach the kernel, and nobody else."""
    text = "a=1,2 -device e1000 b,,c"
    words = argv("/usr/bin/qemu", plain(command_line=text), _FILES, _ENDS)
    assert words[words.index("-append") + 1] == text
    assert "-device e1000" not in words


def test_without_a_kernel_nothing_is_started_directly() -> None:
    """A firmware alone has no command line."""
    words = argv("/usr/bin/qemu", plain(command_line="x"), Files(firmware="/f"), _ENDS)
    assert not {"-kernel", "-initrd", "-append"} & set(words)


def test_a_kernel_needs_no_initrd() -> None:
    """A kernel alone has a command line and no initial RAM disk."""
    words = argv("/usr/bin/qemu", plain(), Files(firmware="/f", kernel="/k"), _ENDS)
    assert "-initrd" not in words
    assert words[words.index("-append") + 1] == ""


def test_a_console_only_where_one_is_wanted() -> None:
    """The guest's serial port writes to a descriptor, by its name below /proc."""
    words = line(plain(), ends=Ends(link=7, qmp=8, console=9))
    assert words.endswith(
        "-chardev file,id=console,path=/proc/self/fd/9,append=on -serial chardev:console"
    )
    assert "serial chardev" not in line(plain())


@pytest.mark.needs("qemu-system-x86_64")
@pytest.mark.parametrize(
    ("technology", "refusal"),
    [("snp", "vm-type SEV-SNP not supported"), ("tdx", "vm-type TDX not supported")],
)
def test_a_qemu_that_knows_the_technology_takes_the_line(technology: str, refusal: str) -> None:
    """On a machine without it, such a QEMU understands every option and blames KVM alone."""
    if technology not in probe(Machine(), path=QEMU).technologies:
        pytest.skip(f"this QEMU has no {technology}; ENARX_QEMU names another")
    launch = SnpLaunch(host_data=bytes(32), id_block=bytes(96), id_auth=bytes(4096))
    vm = plain(
        technology=technology,
        accelerator="kvm",
        cpu_model="EPYC-v4" if technology == "snp" else "host",
        snp=launch if technology == "snp" else None,
        tdx=TdxLaunch(mrconfigid=bytes(48)) if technology == "tdx" else None,
    )
    pairs = [socket.socketpair() for _ in range(2)]
    ends = Ends(link=pairs[0][1].fileno(), qmp=pairs[1][1].fileno())
    said = subprocess.run(
        argv(QEMU, vm, Files(firmware="/nonexistent"), ends),
        pass_fds=(ends.link, ends.qmp),
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    for sock in (end for pair in pairs for end in pair):
        sock.close()
    lines = said.stderr.splitlines()
    if any("could not load PC BIOS" in line for line in lines):
        pytest.skip(f"this machine has {technology}")
    assert len(lines) == 1, lines
    assert refusal in lines[0]


@pytest.mark.parametrize("option", ["-drive", "-netdev", "-vnc", "-usb", "-hda", "-monitor"])
def test_no_other_device(option: str) -> None:
    """The only device on any command line is the port."""
    words = argv("/usr/bin/qemu", plain(), _FILES, _ENDS)
    assert option not in words
    devices = [words[n + 1].partition(",")[0] for n, word in enumerate(words) if word == "-device"]
    assert devices == ["virtio-serial-pci", "virtserialport"]
