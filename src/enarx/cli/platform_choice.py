"""Which of a host's platforms a deploy takes."""

from __future__ import annotations

from enarx.errors import MisconfiguredError
from enarx.measure.process import NAMES
from enarx.protocol.platforms import ANY_VIRTUAL_MACHINE, VIRTUAL_MACHINES, technology

_SAID_BEFORE = {"sev": "snp", "kvm": ANY_VIRTUAL_MACHINE}
"""Names of Enarx 0.7."""
_VM_HINT = "a host offers them with an image: enarx host serve --vm-image DIR"


def choose(wanted: str, offered: tuple[str, ...], accepted: tuple[str, ...]) -> str:
    """The platform to ask a host for.

    Args:
        wanted: by the person; "vm" for any virtual machine, empty for anything.
        offered: by the host.
        accepted: technologies that the policy accepts.

    Raises:
        MisconfiguredError: the host has none such, or the policy accepts none.
    """
    name = _SAID_BEFORE.get(wanted, wanted)
    if name == ANY_VIRTUAL_MACHINE:
        among = tuple(each for each in offered if each in VIRTUAL_MACHINES)
    elif name:
        among = tuple(each for each in offered if each == name)
    else:
        among = tuple(each for each in (*NAMES, *offered) if each in offered)
    if name and not among:
        problem = f"got {wanted!r}, and the host has {', '.join(offered) or 'none'}"
        hints = (_VM_HINT,) if name in (ANY_VIRTUAL_MACHINE, *VIRTUAL_MACHINES) else ()
        raise MisconfiguredError("--platform", problem, hints=hints)
    if name in among:
        return name
    ranked = [each for each in among if technology(each) in accepted]
    if not ranked:
        problem = f"the host has {', '.join(among) or 'no platform'}"
        hint = f"the policy accepts {', '.join(accepted)}"
        raise MisconfiguredError("--platform", problem, hints=(hint,))
    return ranked[0]
