"""Machines that there are not: each is refused by name before anything starts."""

from __future__ import annotations

import pytest
from tests.host.vm.conftest import plain

from enarx.errors import MisconfiguredError
from enarx.host.vm.shape import SnpLaunch, TdxLaunch


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"technology": "sev"}, "technology: got sev"),
        ({"accelerator": "xen"}, "technology: got none on xen"),
        ({"technology": "snp", "snp": SnpLaunch()}, "accelerator: got tcg, want kvm for snp"),
        ({"technology": "tdx", "accelerator": "kvm"}, "the launch of another"),
        ({"snp": SnpLaunch()}, "the launch of another"),
        ({"tdx": TdxLaunch()}, "the launch of another"),
        ({"memory_mib": 32}, "memory_mib: got 32, want 64 to"),
        ({"memory_mib": 129}, "memory_mib: got 129, want whole pages"),
        ({"memory_mib": 1 << 21}, "memory_mib: got 2097152"),
        ({"processors": 0}, "processors: got 0, want 1 to 255"),
        ({"processors": 256}, "processors: got 256, want 1 to 255"),
        ({"cpu_model": ""}, "cpu_model: got ''"),
        ({"cpu_model": "max -drive x"}, "cpu_model: got 'max -drive x'"),
        ({"cpu_model": "max,"}, "cpu_model: got 'max,'"),
        ({"command_line": "x" * 2048}, "command_line: got 2048 bytes, want at most 2047"),
        ({"command_line": "a\nb"}, "command_line: want printable ASCII"),
        ({"command_line": "caf\xe9"}, "command_line: want printable ASCII"),
        ({"command_line": "quiet mem=64M"}, "command_line: got mem=64M, which QEMU acts on"),
        ({"command_line": "vga=ask"}, "command_line: got vga=ask, which QEMU acts on"),
    ],
)
def test_refused(options: dict[str, object], says: str) -> None:
    """What QEMU would round, take for something else or not know is an error of the operator."""
    with pytest.raises(MisconfiguredError) as refused:
        plain(**options)
    assert says in str(refused.value)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"policy": 0}, "snp.policy: got 0x0, want bit 17 set"),
        ({"policy": 0xB0000}, "snp.policy: got 0xb0000, which lets the host read the memory"),
        ({"policy": 1 << 64}, "snp.policy: got 18446744073709551616"),
        ({"host_data": b"x"}, "snp.host_data: got 1 bytes, want 32"),
        ({"id_block": bytes(96)}, "snp.id_block: needs an id_auth"),
        ({"id_auth": bytes(4096)}, "snp.id_block: needs an id_auth"),
        ({"id_block": bytes(95), "id_auth": bytes(4096)}, "snp.id_block: got 95 bytes, want 96"),
        ({"id_block": bytes(96), "id_auth": bytes(95)}, "snp.id_auth: got 95 bytes, want 4096"),
        ({"cbitpos": 64}, "snp.cbitpos: got 64, want 32 to 63"),
        ({"author_key_enabled": True}, "snp.author_key_enabled: needs an id_auth"),
        ({"cbitpos": 0}, "snp.cbitpos: got 0"),
        ({"reduced_phys_bits": 0}, "snp.reduced_phys_bits: got 0"),
    ],
)
def test_refused_snp(options: dict[str, object], says: str) -> None:
    """A launch that the security processor would refuse, or that protects nothing, is refused."""
    with pytest.raises(MisconfiguredError) as refused:
        SnpLaunch(**options)  # type: ignore[arg-type]
    assert says in str(refused.value)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"mrowner": bytes(32)}, "tdx.mrowner: got 32 bytes, want 48"),
        ({"quote_generation_socket": ""}, "tdx.quote_generation_socket: want an absolute path"),
    ],
)
def test_refused_tdx(options: dict[str, object], says: str) -> None:
    """Registers have 48 bytes, and without the service that signs there is no evidence."""
    with pytest.raises(MisconfiguredError) as refused:
        TdxLaunch(**options)  # type: ignore[arg-type]
    assert says in str(refused.value)
