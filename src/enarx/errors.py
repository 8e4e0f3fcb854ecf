"""Every error a user can meet, sorted by whose fault it is.

The message is built from the fields in one place, so that *want* and *got* cannot be swapped
in one message only.  Advice goes into ``hints``.  Bugs (``TypeError``, ``AssertionError``) are
not in the tree.  Nothing is imported: the keep loads this module before every start.
"""

from __future__ import annotations


class EnarxError(Exception):
    """Root of the tree; never raised itself."""

    def __init__(self, message: str, *, hints: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.hints = hints

    def __str__(self) -> str:
        return self.message


class RejectedError(EnarxError):
    """The other side is at fault; retrying the same input cannot help."""


class MalformedError(RejectedError):
    """Bytes do not have the shape their format requires.

    Args:
        where: what was parsed, with the path inside it ("app.wasm", "manifest: layers[0]").
        problem: what is wrong, lower case, with got and want where there are two sides.
        offset: bytes from the start, where that helps.
    """

    def __init__(
        self, where: str, problem: str, *, offset: int | None = None, hints: tuple[str, ...] = ()
    ) -> None:
        place = where if offset is None else f"{where} at 0x{offset:x}"
        super().__init__(f"{place}: {problem}", hints=hints)
        self.where = where
        self.problem = problem
        self.offset = offset


class Failure:
    """One thing that is not as it must be: which claim, what was wanted, what was found.

    Args:
        claim: its name, as policies and documents spell it ("snp.reported_tcb.microcode").
        want: what would have been right, in words of the message ("at least 23").
        got: what is there, likewise; hexadecimal for bytes.
        hint: what can be done about it.
    """

    __slots__ = ("claim", "got", "hint", "want")

    def __init__(self, claim: str, *, want: str, got: str, hint: str = "") -> None:
        self.claim = claim
        self.want = want
        self.got = got
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.claim}: got {self.got}, want {self.want}"

    def __repr__(self) -> str:
        return f"Failure({str(self)!r})"


class UnauthenticError(RejectedError):
    """Evidence is not proven genuine: a signature, a chain, a revocation, a date, a binding.

    Raised by the first step of the verification that fails, since what stands on it means nothing;
    *failures* are all that this step found.

    Args:
        step: the step ("report signature", "certificate chain", "TCB of the VCEK").
        failures: at least one.
    """

    def __init__(self, step: str, *failures: Failure, hints: tuple[str, ...] = ()) -> None:
        text = "; ".join(str(failure) for failure in failures)
        advice = tuple(dict.fromkeys(f.hint for f in failures if f.hint))
        super().__init__(f"not authentic: {step}: {text}", hints=(*advice, *hints))
        self.step = step
        self.failures = failures


class UnacceptableError(RejectedError):
    """Authentic evidence that a policy does not accept: every failure, not the first.

    Args:
        policy: the policy's name.
        failures: at least one.
    """

    def __init__(self, policy: str, *failures: Failure) -> None:
        text = "; ".join(str(failure) for failure in failures)
        hints = tuple(dict.fromkeys(f.hint for f in failures if f.hint))
        super().__init__(f"refused by {policy}: {text}", hints=hints)
        self.policy = policy
        self.failures = failures


class UnavailableError(EnarxError):
    """The world failed: network, device, disk, a process that died.

    Args:
        what: what was asked ("kdsintf.amd.com", "policy.toml").
        problem: what went wrong, lower case.
        retry_after_s: seconds after which asking again makes sense, if that was said.
    """

    def __init__(
        self,
        what: str,
        problem: str,
        *,
        retry_after_s: float | None = None,
        hints: tuple[str, ...] = (),
    ) -> None:
        super().__init__(f"{what}: {problem}", hints=hints)
        self.what = what
        self.problem = problem
        self.retry_after_s = retry_after_s


class MisconfiguredError(EnarxError):
    """The operator's file, flag or environment is wrong.

    Args:
        source: the file, flag or variable ("Enarx.toml", "--mount").
        path: the key inside it ("files[2].port"), empty when the whole source is meant.
        problem: what is wrong, lower case.
    """

    def __init__(
        self, source: str, problem: str, *, path: str = "", hints: tuple[str, ...] = ()
    ) -> None:
        place = f"{source}: {path}" if path else source
        super().__init__(f"{place}: {problem}", hints=hints)
        self.source = source
        self.path = path
        self.problem = problem
