"""What a sandboxed process needs.

Source: Linux, Documentation/userspace-api/landlock.rst; seccomp(2).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from enarx.host.checks import advice
from enarx.host.platforms import Check

if TYPE_CHECKING:
    from enarx.host.doctor.facts import Facts

_FILES_FOR_KEEPS = 1024
_LANDLOCK_SIGNALS = 6
_GUEST_ADDRESS_SPACE = 16 << 30  # a guest's memory is reserved as 4 GiB and its guard regions


def process(facts: Facts) -> tuple[Check, ...]:
    """A sandboxed process."""
    own = facts.sandbox
    return (
        Check(
            "Engine",
            bool(own.engine),
            info=f"wasmtime {own.engine}" if own.engine else None,
            mesg="install it with: pip install wasmtime",
        ),
        Check(
            "System-call filter",
            own.seccomp,
            info="libseccomp",
            mesg=advice.install(
                facts,
                apt="libseccomp2",
                dnf="libseccomp",
                otherwise="libseccomp2 (Debian, Ubuntu) or libseccomp (Fedora)",
            ),
            optional=True,
        ),
        Check(
            "Landlock",
            own.landlock > 0,
            info=f"ABI {own.landlock}" if own.landlock else None,
            mesg="start the kernel with landlock in its lsm= list (Linux 5.13 or later)",
            optional=True,
            data=(
                Check(
                    "Signals and abstract sockets",
                    own.landlock >= _LANDLOCK_SIGNALS,
                    mesg="needs Linux 6.12 or later",
                    optional=True,
                ),
            ),
        ),
        *_limits(facts),
    )


def _limits(facts: Facts) -> tuple[Check, ...]:
    """This user's limits."""
    space, files = facts.limits.address_space, facts.limits.open_files
    return (
        Check(
            "Address space",
            space < 0 or space >= _GUEST_ADDRESS_SPACE,
            info="unlimited" if space < 0 else f"{space >> 20} MiB",
            mesg="raise it with: ulimit -v unlimited",
        ),
        Check(
            "Open files",
            files < 0 or files >= _FILES_FOR_KEEPS,
            info="unlimited" if files < 0 else str(files),
            mesg=f"raise it with: ulimit -n {_FILES_FOR_KEEPS}",
            optional=True,
        ),
    )
