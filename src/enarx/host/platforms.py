"""Which platforms there are, whether this machine can be one, and which one a command takes.

Facts and advice only; how a keep is launched is the launchers' business, and what a platform is
worth is for whoever verifies its evidence to decide.  There is no silent fall-back: a platform
that was asked for and cannot be had is an error.

The names of Enarx 0.7 are understood: ``sev`` is snp, ``kvm`` is vm, ``nil`` is process.
"""

from __future__ import annotations

from enarx.errors import MisconfiguredError, UnavailableError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from enarx.host.doctor.facts import Facts


class Check:
    """One fact: does it hold, what was found, what to do about it.

    An *optional* one weakens the platform but does not prevent it.  One that *passed* as None could
    not be found out: *mesg* says why, and it prevents nothing.  A *hopeless* one nobody can change.
    """

    __slots__ = ("data", "hopeless", "info", "mesg", "name", "optional", "passed")

    def __init__(
        self,
        name: str,
        passed: bool | None,  # noqa: FBT001 - the fact itself
        *,
        info: str | None = None,
        mesg: str | None = None,
        data: tuple[Check, ...] = (),
        optional: bool = False,
        hopeless: bool = False,
    ) -> None:
        self.name = name
        self.hopeless = hopeless
        self.passed = passed
        self.info = info
        self.mesg = None if passed else mesg
        self.data = data
        self.optional = optional

    @property
    def blocks(self) -> bool:
        """The platform cannot be used because of this."""
        failed = self.passed is False or any(inner.blocks for inner in self.data)
        return failed and not self.optional


class Platform:
    """One platform: its names, what it isolates with, and whether this version can launch it."""

    __slots__ = ("alias", "built", "isolation", "name")

    def __init__(
        self,
        name: str,
        alias: str | None,
        isolation: str,
        *,
        built: bool = False,
    ) -> None:
        self.name = name
        self.alias = alias
        self.isolation = isolation
        self.built = built


class Finding:
    """What was found out about one platform on one machine; *data* begins with its launcher."""

    __slots__ = ("data", "platform")

    def __init__(self, platform: Platform, data: tuple[Check, ...]) -> None:
        self.platform = platform
        self.data = data

    @property
    def of_machine(self) -> tuple[Check, ...]:
        """What the machine itself has and lacks."""
        return self.data[1:]

    @property
    def usable(self) -> bool:
        """Keeps can be started on it, here, by this version."""
        return not any(check.blocks for check in self.data)


def examine(facts: Facts) -> tuple[Finding, ...]:
    """Check every platform, strongest isolation first."""
    from enarx.host.checks.catalogue import CHECKS  # not for every start of a keep

    return tuple(
        Finding(platform, (_launcher(platform), *CHECKS[platform.name](facts)))
        for platform in _platforms()
    )


def choose(name: str | None) -> str:
    """Return the platform to use: *name* by either of its names, or the best one without a name.

    Raises:
        MisconfiguredError: there is no such platform.
        UnavailableError: this version cannot launch it.
    """
    if name is None:
        return next(platform.name for platform in _platforms() if platform.built)
    for platform in _platforms():
        if name in (platform.name, platform.alias):
            if not platform.built:
                raise UnavailableError(
                    f"platform {platform.name}",
                    "this version of enarx cannot start keeps on it yet",
                    hints=("for no isolation by hardware, ask for it: --platform process", _SEE),
                )
            return platform.name
    known = ", ".join(p.name + (f" ({p.alias})" if p.alias else "") for p in _platforms())
    raise MisconfiguredError("--platform", f"{name!r} is unknown (known: {known})", hints=(_SEE,))


_SEE = "see what this machine offers: enarx platform info"


def _launcher(platform: Platform) -> Check:
    """Can this version of Enarx start a keep there?"""
    return Check(
        "Launcher", platform.built, mesg="this version of enarx cannot start keeps on it yet"
    )


def _platforms() -> tuple[Platform, ...]:
    """All platforms, strongest isolation first."""
    return (
        Platform("snp", "sev", "virtual machine, memory encrypted by AMD SEV-SNP"),
        Platform("tdx", None, "virtual machine, memory encrypted by Intel TDX"),
        Platform("sgx", None, "enclave, memory encrypted by Intel SGX"),
        Platform("vm", "kvm", "virtual machine, not protected from the host"),
        Platform("process", "nil", "process, not protected from the host", built=True),
    )
