"""Reports of facts: what is in them, and what is refused of a stranger's."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.host.doctor.machines import QEMU_9, describe, genoa, log

from enarx.errors import MalformedError
from enarx.host.doctor import facts as watched
from enarx.host.doctor import kernel_log, sev
from enarx.host.doctor.collect import collect
from enarx.host.doctor.facts import (
    Device,
    Facts,
    Kernel,
    KernelLog,
    Limits,
    Processor,
    Program,
    Sandbox,
    SevFirmware,
    version_of,
)
from enarx.host.doctor.report import MAX_BYTES, decode, encode
from enarx.host.machine import Machine

Texts = st.text(st.characters(categories=["L", "N", "P", "Zs"]), max_size=40).filter(
    str.isprintable
)
Numbers = st.integers(0, 1 << 20)
Bounds = st.integers(-1, 1 << 40)


def some(names: object) -> st.SearchStrategy[frozenset[str]]:
    """A few of *names*."""
    return st.frozensets(st.sampled_from(sorted(names)))  # type: ignore[call-overload,no-any-return]


def table(names: object) -> st.SearchStrategy[dict[str, str]]:
    """Texts for a few of *names*."""
    return st.dictionaries(st.sampled_from(sorted(names)), Texts)  # type: ignore[call-overload,no-any-return]


AnyFacts = st.builds(
    Facts,
    kernel=st.builds(
        Kernel,
        release=Texts,
        architecture=Texts,
        parameters=table(watched.PARAMETERS),
        config=st.none() | table(watched.CONFIG),
        command_line=some(watched.COMMAND_LINE),
    ),
    processor=st.builds(
        Processor,
        vendor=Texts,
        name=Texts,
        family=Numbers,
        model=Numbers,
        features=some(watched.FEATURES),
    ),
    guest=st.sampled_from(watched.GUESTS),
    packages=st.sampled_from(watched.PACKAGES),
    devices=st.dictionaries(
        st.sampled_from(watched.DEVICES), st.builds(Device, usable=st.booleans(), group=Texts)
    ),
    programs=st.dictionaries(
        st.sampled_from(watched.PROGRAMS), st.builds(Program, path=st.just(""), version=Texts)
    ).map(lambda found: {n: Program(path=n, version=p.version) for n, p in found.items()}),
    files=some(watched.FILES),
    log=st.builds(
        KernelLog,
        problem=Texts,
        complete=st.booleans(),
        found=table(watched.MARKERS - {"sgx_epc_mib"}),
    ),
    sev=st.builds(
        SevFirmware,
        problem=Texts,
        api=Texts,
        build=Numbers,
        initialized=st.booleans(),
        rmp=st.booleans(),
    ),
    kvm_problem=Texts,
    limits=st.builds(Limits, address_space=Bounds, locked_memory=Bounds, open_files=Bounds),
    sandbox=st.builds(Sandbox, engine=Texts, seccomp=st.booleans(), landlock=Numbers),
)


@given(AnyFacts)
def test_a_report_gives_the_facts_back(facts: Facts) -> None:
    """What is written is read as the same facts."""
    assert decode(encode(facts)) == facts


def changed(**changes: object) -> bytes:
    """An empty machine's report with *changes*."""
    document: dict[str, Any] = json.loads(encode(Facts()))
    return json.dumps(document | changes).encode()


def without(key: str) -> bytes:
    """An empty machine's report without a key."""
    document = json.loads(encode(Facts()))
    del document[key]
    return json.dumps(document).encode()


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"", "platform report: is not JSON"),
        (b"[]", "platform report: got an array, want an object"),
        (b"{}", "platform report: key 'report' is missing"),
        (changed(report="cmw"), "platform report: report: want 'enarx-platform-facts'"),
        (changed(version=2), "platform report: version: got 2, want 1"),
        (changed(serial="x"), "platform report: unknown key 'serial'"),
        (without("sev"), "platform report: key 'sev' is missing"),
        (changed(guest="xen"), "platform report: guest: got 'xen', want one of "),
        (changed(files=["/etc/shadow"]), "files: unknown name '/etc/shadow'"),
        (changed(devices={"/dev/sda": {}}), "devices: unknown key '/dev/sda'"),
        (changed(devices={"/dev/sev": {"usable": 1, "group": ""}}), "usable: got an integer"),
        (changed(programs={"bash": "5"}), "programs: unknown key 'bash'"),
        (changed(kvm_problem="x" * 201), "kvm_problem: got 201 characters"),
        (changed(limits={"address_space": -2}), "address_space: got -2"),
        (changed(log={"problem": "", "complete": True, "found": {"x": ""}}), "unknown key 'x'"),
        (
            changed(log={"problem": "", "complete": True, "found": {"sgx_epc_mib": "-1"}}),
            "sgx_epc_mib: want digits",
        ),
        (b" " * (MAX_BYTES + 1), f"got more than {MAX_BYTES} bytes"),
    ],
)
def test_other_reports_are_refused(data: bytes, problem: str) -> None:
    """Another kind or version, unknown names, wrong types, and anything without bounds."""
    with pytest.raises(MalformedError) as refused:
        decode(data)
    assert problem in str(refused.value)


def test_an_old_enarx_is_told_apart_from_nonsense() -> None:
    """Another version says what to do, and is found before anything else that is new in it."""
    with pytest.raises(MalformedError) as refused:
        decode(changed(version=7, new={}))
    assert refused.value.hints == ("update enarx, here or where the report was made",)


def test_a_stranger_cannot_command_a_terminal() -> None:
    """Attack: escape sequences, and lines that look like ours, in a pasted report."""
    facts = decode(changed(kvm_problem="\x1b[2J\nenarx: error: call me\u202e"))
    assert facts.kvm_problem == "\\x1b[2J enarx: error: call me\\u202e"
    with pytest.raises(MalformedError) as refused:
        decode(changed(files=["\x1b[31m"]))
    assert "\x1b" not in str(refused.value)


def test_a_report_names_no_machine(tmp_path: Path) -> None:
    """What the files of a machine hold beside the facts stays there."""
    serial = "C0FFEE-1"
    files = genoa(
        **{
            "/proc/cmdline": f"ro root=UUID={serial} iommu=pt",
            "/sys/class/dmi/id/product_serial": serial,
            "/etc/hostname": serial,
            "/dev/kmsg": log(f"DMI: {serial}", f"virt/tdx: initialization failed: {'x' * 99}"),
        }
    )
    facts = collect(describe(tmp_path, files, QEMU_9))
    report = encode(facts).decode()
    assert serial not in report
    assert str(tmp_path) not in report
    assert facts.kernel.command_line == {"iommu=pt"}
    assert len(facts.log.found["tdx_failed"]) == 80


def test_this_machine_can_be_reported() -> None:
    """Whatever runs this test."""
    found = encode(collect(Machine()))
    assert encode(decode(found)) == found


def test_the_kernel_log_in_both_forms() -> None:
    """Records of /dev/kmsg and lines of dmesg say the same; the last word counts."""
    lines = ("virt/tdx: module not loaded", "virt/tdx: TDX-Module initialized")
    records = "".join(f"6,{n},{n},-;{line}\n SUBSYSTEM=x\n" for n, line in enumerate(lines))
    for text in (records, "\n".join(f"[    0.{n}] {line}" for n, line in enumerate(lines))):
        found = kernel_log.read_log(text)
        assert (dict(found.found), found.complete) == ({"tdx_module": "initialized"}, True)


def test_enclave_memory_is_added_up() -> None:
    """Each section is one range; ranges that end before they begin are nothing."""
    text = (
        "sgx: EPC section 0x1000000-0x1ffffff\nsgx: EPC section 0x3000000-0x4ffffff\n"
        "sgx: EPC section 0x9000000-0x1000000\n"
    )
    assert kernel_log.read_log(text).found == {"sgx_epc_mib": "48"}


@given(st.text(max_size=300))
def test_any_log_is_read(text: str) -> None:
    """A log is whatever devices and drivers write."""
    assert set(kernel_log.read_log(text).found) <= watched.MARKERS


def test_the_status_of_a_security_processor() -> None:
    """Versions and states are at their offsets; the TCB, which tells machines apart, is left."""
    answer = bytes.fromhex("013701011d0000000000000002000000" + "ff" * 16)
    found = sev.read_status(answer)
    assert found == SevFirmware(api="1.55", build=29, initialized=True, rmp=True)
    assert sev.read_status(bytes(32)) == SevFirmware(api="0.0")


def test_what_is_no_security_processor(tmp_path: Path) -> None:
    """A file of its name does not know the command, and none at all says so."""
    (tmp_path / "sev").write_text("")
    assert sev.ask(str(tmp_path / "sev")).problem == "inappropriate ioctl for device"
    assert sev.ask(str(tmp_path / "none")).problem == "no such file or directory"


@pytest.mark.parametrize(
    ("text", "version"),
    [("6.12.48+deb13-amd64", (6, 12)), ("10.1.0", (10, 1)), ("x6.1", (0, 0)), ("6", (0, 0))],
)
def test_versions(text: str, version: tuple[int, int]) -> None:
    """The first two numbers, if it begins with them."""
    assert version_of(text) == version


def test_an_unreadable_configuration_is_unknown(tmp_path: Path) -> None:
    """None is not the same as switched off; a packed one is read like a plain one."""
    import gzip

    machine = describe(tmp_path, {"/proc/cpuinfo": ""})
    assert collect(machine).kernel.config is None
    (tmp_path / "proc/config.gz").write_bytes(gzip.compress(b"CONFIG_X86_SGX=y\n"))
    config = collect(machine).kernel.config
    assert config is not None
    assert (config["CONFIG_X86_SGX"], config["CONFIG_KVM_AMD_SEV"]) == ("y", "n")
    (tmp_path / "proc/config.gz").write_bytes(b"\x1f\x8bdamaged")
    assert collect(machine).kernel.config is None
