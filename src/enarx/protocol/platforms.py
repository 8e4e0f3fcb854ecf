"""What a host calls the ways to run a keep, and the technology whose evidence each has.

    snp, tdx, sgx     the hardware; on a host without, a process and a simulation of it
    vm-snp, vm-tdx    a virtual machine that nothing protects, and a simulation

Which of them is real, evidence says, never a name.
"""

from __future__ import annotations

VIRTUAL_MACHINES = {"vm-snp": "snp", "vm-tdx": "tdx"}
ANY_VIRTUAL_MACHINE = "vm"
"""What a person may say instead, where either will do."""


def technology(platform: str) -> str:
    """The technology in *platform*'s evidence: what policies call a platform."""
    return VIRTUAL_MACHINES.get(platform, platform)
