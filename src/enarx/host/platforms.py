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
    """One platform: its names, what it isolates with, and what starts keeps on it.

    Attributes:
        command: that does; empty if nothing of this version can.
        runs: it is `enarx run`.
    """

    __slots__ = ("alias", "command", "isolation", "name", "runs")

    def __init__(
        self,
        name: str,
        alias: str | None,
        isolation: str,
        *,
        command: str = "",
    ) -> None:
        self.name = name
        self.alias = alias
        self.isolation = isolation
        self.command = command
        self.runs = command == _RUN


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
        UnavailableError: `enarx run` cannot launch it.
    """
    if name is None:
        return next(platform.name for platform in _platforms() if platform.runs)
    for platform in _platforms():
        if name in (platform.name, platform.alias):
            if not platform.runs:
                raise _no_run(platform)
            return platform.name
    known = ", ".join(p.name + (f" ({p.alias})" if p.alias else "") for p in _platforms())
    raise MisconfiguredError("--platform", f"{name!r} is unknown (known: {known})", hints=(_SEE,))


_SEE = "see what this machine offers: enarx platform info"


_UNBUILT = "this version of enarx cannot start keeps on it yet"
_RUN = "enarx run"


def _no_run(platform: Platform) -> UnavailableError:
    """Why `enarx run` cannot, and what to do instead."""
    ask = "for no isolation by hardware, ask for it: --platform process"
    what = f"platform {platform.name}"
    if not platform.command:
        return UnavailableError(what, _UNBUILT, hints=(ask, _SEE))
    instead = f"offer it: {platform.command}; then: enarx deploy --platform {platform.name}"
    problem = "a host starts keeps on it, enarx run does not"
    return UnavailableError(what, problem, hints=(instead, ask, _SEE))


def _launcher(platform: Platform) -> Check:
    """What of this version of Enarx starts keeps there?"""
    return Check("Launcher", bool(platform.command), info=platform.command or None, mesg=_UNBUILT)


def _platforms() -> tuple[Platform, ...]:
    """All platforms, strongest isolation first."""
    machines = "enarx host serve --vm-image DIR"
    return (
        Platform(
            "snp",
            "sev",
            "virtual machine, memory encrypted by AMD SEV-SNP",
            command=f"{machines} --hardware snp",
        ),
        Platform(
            "tdx",
            None,
            "virtual machine, memory encrypted by Intel TDX",
            command=f"{machines} --hardware tdx",
        ),
        Platform("sgx", None, "enclave, memory encrypted by Intel SGX"),
        Platform("vm", "kvm", "virtual machine, not protected from the host", command=machines),
        Platform("process", "nil", "process, not protected from the host", command=_RUN),
    )
