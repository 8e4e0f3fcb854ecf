"""Every platform says whether this machine can be one, and what to do if not."""

from __future__ import annotations

import json
import resource
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner
from tests.host.doctor.machines import describe

from enarx import __version__
from enarx.cli.platform import command
from enarx.errors import MalformedError, MisconfiguredError, UnavailableError
from enarx.host import kvm
from enarx.host.doctor.collect import collect
from enarx.host.doctor.facts import Facts
from enarx.host.doctor.report import MAX_BYTES, encode
from enarx.host.machine import Machine
from enarx.host.platforms import Check, Finding, choose, examine

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

AMD = "vendor_id : AuthenticAMD\nmodel name : AMD EPYC 7763\nflags : fpu sev sev_snp\n\nflags : x\n"
INTEL = "vendor_id: GenuineIntel\nmodel name: Xeon\nflags: fpu sgx sgx_lc tdx_host_platform\n"


@pytest.fixture
def described(tmp_path: Path) -> Callable[..., Machine]:
    """Describe a machine by its files and programs."""
    return partial(describe, tmp_path)


def all_checks(data: tuple[Check, ...]) -> Iterator[Check]:
    """Checks and those inside them."""
    for check in data:
        yield check
        yield from all_checks(check.data)


def finding(machine: Machine, name: str) -> dict[str, Check]:
    """The checks of one platform by name."""
    found = next(f for f in examine(collect(machine)) if f.platform.name == name)
    return {check.name: check for check in all_checks(found.data)}


def test_an_amd_host_is_recognised(described: Callable[..., Machine]) -> None:
    """Processor, kernel, device and QEMU of an SNP host."""
    checks = finding(
        described(
            {
                "/proc/cpuinfo": AMD,
                "/sys/module/kvm_amd/parameters/sev_snp": "Y\n",
                "/dev/sev": "",
                "/dev/kvm": "",
            },
            {"qemu-system-x86_64": "QEMU emulator version 10.0.2 (Debian 1:10.0.2+ds-2)"},
        ),
        "snp",
    )
    good = {"CPU", "SEV", "SEV-SNP", "Kernel: SEV-SNP host", "Device /dev/sev", "QEMU"}
    assert {name for name in good if checks[name].passed} == good
    assert checks["CPU"].info == "AMD EPYC 7763"


def test_an_intel_host_is_recognised(described: Callable[..., Machine]) -> None:
    """Processor, kernel and services of hosts for TDX and SGX."""
    machine = described(
        {
            "/proc/cpuinfo": INTEL,
            "/sys/module/kvm_intel/parameters/tdx": "1",
            "/var/run/tdx-qgs/qgs.socket": "",
            "/var/run/aesmd/aesm.socket": "",
            "/dev/sgx_enclave": "",
            "/dev/sgx_provision": "",
        },
        {"gramine-sgx": ""},
    )
    tdx, sgx = finding(machine, "tdx"), finding(machine, "sgx")
    assert all(tdx[n].passed for n in ("CPU", "TDX", "Kernel: TDX host"))
    assert all(c.passed is not False for name, c in sgx.items() if name != "Launcher")
    assert not finding(machine, "snp")["CPU"].passed


def test_a_bare_machine_gets_advice_for_everything(described: Callable[..., Machine]) -> None:
    """What fails says what to do, and what passes says nothing."""
    for found in examine(collect(described({}))):
        for check in all_checks(found.data):
            if check.passed:
                assert check.mesg is None
            else:
                assert check.mesg or check.data, check.name


def test_a_virtual_machine_is_not_sent_to_its_firmware(described: Callable[..., Machine]) -> None:
    """Inside a virtual machine there is no setup to switch things on in."""
    machine = described({"/proc/cpuinfo": "vendor_id: AuthenticAMD\nflags: hypervisor\n"})
    assert "itself virtual" in str(finding(machine, "snp")["CPU"].mesg)


def test_something_that_is_no_kvm_is_found_out(described: Callable[..., Machine]) -> None:
    """A file of the right name does not run a guest."""
    assert "inappropriate ioctl" in str(finding(described({"/dev/kvm": ""}), "vm")["KVM"].info)
    assert "no such file" in kvm.problem("/nonexistent/kvm")


def test_kvm_runs_a_guest_where_it_is_usable() -> None:
    """On a machine with a working KVM the probe says so, or that 64-bit guests are too much."""
    if not Path("/dev/kvm").exists():
        pytest.skip("no /dev/kvm here")
    problem = kvm.problem("/dev/kvm")
    if problem:
        pytest.skip(f"KVM is not usable here: {problem}")
    found = finding(Machine(), "vm")["KVM"]
    assert found.passed or "64-bit mode did not run" in str(found.info)


@pytest.mark.parametrize(
    ("guest", "says"),
    [
        ("49c7c7ffff0000 4c89f8 3dffff0000 7501 f4 0f0b", ""),  # mov r15, 0xffff; mov rax, r15
        ("31c0 3dffff0000 7501 f4 0f0b", "exit reason 8, want 5"),  # xor eax, eax; ud2
    ],
)
def test_the_probe_tells_what_runs_from_what_does_not(guest: str, says: str) -> None:
    """The guest is in 64-bit mode, and one that crashes is not taken for one that ran."""
    if kvm.problem("/dev/kvm") and "exit reason" not in kvm.problem("/dev/kvm"):
        pytest.skip("no KVM here that makes machines")
    said = kvm.problem("/dev/kvm", guest=bytes.fromhex(guest))
    assert said.endswith(f"({says})") if says else said == ""


def test_kvm_is_optional_for_a_vm(described: Callable[..., Machine]) -> None:
    """Without KVM a machine is emulated: slow, not impossible."""
    check = finding(described({}), "vm")["KVM"]
    assert (check.passed, check.blocks) == (False, False)
    assert "emulated" in str(check.mesg)


def test_an_inner_check_decides_unless_it_is_optional() -> None:
    """A platform is usable if nothing blocks it at any depth."""
    platform = next(f.platform for f in examine(Facts()))
    inner = Check("inner", passed=False)
    assert not Finding(platform, (Check("outer", passed=True, data=(inner,)),)).usable
    inner.optional = True
    assert Finding(platform, (Check("outer", passed=True, data=(inner,)),)).usable
    assert Finding(platform, (Check("outer", passed=False, optional=True),)).usable


def test_the_process_platform_is_usable_here() -> None:
    """The embedded default runs wherever these tests do."""
    found = next(f for f in examine(collect(Machine())) if f.platform.name == "process")
    assert found.usable, [check.mesg for check in all_checks(found.data) if check.blocks]


def test_a_small_address_space_is_told(
    described: Callable[..., Machine], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A guest's memory is reserved in full; a limit below that is the user's to raise."""
    monkeypatch.setattr(resource, "getrlimit", lambda _: (1 << 30, 1 << 30))
    check = finding(described({}), "process")["Address space"]
    assert (check.passed, check.info) == (False, "1024 MiB")


@pytest.mark.parametrize("name", ["process", "nil", None])
def test_what_can_be_launched_is_chosen(name: str | None) -> None:
    """By its name, by Enarx 0.7's, or as the best there is."""
    assert choose(name) == "process"


@pytest.mark.parametrize("name", ["snp", "sev", "tdx", "vm", "kvm"])
def test_no_platform_is_silently_replaced(name: str) -> None:
    """A platform that a host alone starts keeps on is an error that says how."""
    with pytest.raises(UnavailableError, match="a host starts keeps on it") as caught:
        choose(name)
    assert caught.value.hints[0].startswith("offer it: enarx host serve --vm-image DIR")
    assert any("platform info" in hint for hint in caught.value.hints)


def test_a_platform_that_nothing_starts() -> None:
    """What is not written yet is said to be so."""
    with pytest.raises(UnavailableError, match="cannot start keeps on it yet"):
        choose("sgx")


@pytest.mark.parametrize("name", ["", "SGX", "qemu"])
def test_an_unknown_platform_is_told_the_known_ones(name: str) -> None:
    """Names are exact, and the error lists them all."""
    with pytest.raises(MisconfiguredError) as caught:
        choose(name)
    for known in ("snp (sev)", "tdx", "sgx", "vm (kvm)", "process (nil)"):
        assert known in str(caught.value)


def test_the_document_has_0_7_s_fields() -> None:
    """Programs that read Enarx 0.7's JSON find what they look for."""
    result = CliRunner().invoke(command, ["info", "--json"])
    document = json.loads(result.stdout)
    assert document["version"] == __version__
    assert document["system_info"].startswith("Linux ")
    assert [b["backend"] for b in document["backends"]] == ["snp", "tdx", "sgx", "vm", "process"]
    assert [b["alias"] for b in document["backends"]] == ["sev", None, None, "kvm", "nil"]
    for backend in document["backends"]:
        for datum in backend["data"]:
            assert {"name", "pass", "info", "mesg", "data"} <= datum.keys()


def test_a_report_is_taken_from_standard_input() -> None:
    """Pasted into a terminal or a pipe, it gives what the file gives."""
    report = encode(Facts())
    result = CliRunner().invoke(command, ["doctor", "--from", "-"], input=report)
    assert result.stdout.startswith("unknown processor, Linux unknown\n")
    oversized = CliRunner().invoke(
        command, ["doctor", "--from", "-"], input=report + b" " * MAX_BYTES
    )
    assert isinstance(oversized.exception, MalformedError)


def test_people_get_marks_and_advice() -> None:
    """One line per fact, then what to do; no colour in a pipe."""
    text = CliRunner().invoke(command, ["info"]).stdout
    assert text.startswith(f"Enarx version {__version__}\nSystem Info: Linux ")
    assert "✔ Backend: process (in Enarx 0.7: nil): usable" in text
    assert "\n  Launcher: this version of enarx cannot start keeps on it yet\n" in text
    assert "\x1b" not in text
