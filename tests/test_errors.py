"""Errors are made of fields; the message says what was got and wanted, the hints what to do."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enarx.errors import (
    EnarxError,
    Failure,
    MalformedError,
    MisconfiguredError,
    RejectedError,
    UnacceptableError,
    UnauthenticError,
    UnavailableError,
)

MICROCODE = Failure("snp.microcode", want="at least 23", got="8", hint="update the firmware")
DEBUG = Failure("debug", want="off", got="on", hint="")
BOOT = Failure("snp.bootloader", want="at least 4", got="3", hint="update the firmware")


def test_a_failure_says_claim_got_and_want() -> None:
    """In this order, in one place for all messages."""
    assert str(MICROCODE) == "snp.microcode: got 8, want at least 23"
    assert repr(MICROCODE) == "Failure('snp.microcode: got 8, want at least 23')"
    assert (DEBUG.claim, DEBUG.want, DEBUG.got, DEBUG.hint) == ("debug", "off", "on", "")
    with pytest.raises(AttributeError):
        DEBUG.other = 1  # type: ignore[attr-defined]


def test_evidence_that_is_not_authentic() -> None:
    """The step and all it found; each hint once, then what holds for the whole."""
    error = UnauthenticError("TCB of the VCEK", MICROCODE, DEBUG, BOOT, hints=("ask AMD",))
    assert str(error) == (
        "not authentic: TCB of the VCEK: snp.microcode: got 8, want at least 23; "
        "debug: got on, want off; snp.bootloader: got 3, want at least 4"
    )
    assert error.hints == ("update the firmware", "ask AMD")
    assert error.step == "TCB of the VCEK"
    assert error.failures == (MICROCODE, DEBUG, BOOT)


def test_evidence_that_a_policy_does_not_accept() -> None:
    """The policy and every failure; each hint once."""
    error = UnacceptableError("production", BOOT, MICROCODE, DEBUG)
    assert str(error).startswith("refused by production: snp.bootloader: got 3, want at least 4; ")
    assert error.hints == ("update the firmware",)
    assert error.policy == "production"
    assert error.failures == (BOOT, MICROCODE, DEBUG)


def test_bytes_of_another_shape() -> None:
    """Where, the offset in hexadecimal if it helps, and what is wrong."""
    plain = MalformedError("report", "got 3 bytes, want 4")
    assert (str(plain), plain.offset, plain.hints) == ("report: got 3 bytes, want 4", None, ())
    placed = MalformedError("report", "reserved", offset=0, hints=("update",))
    assert (str(placed), placed.offset, placed.hints) == ("report at 0x0: reserved", 0, ("update",))
    assert (placed.where, placed.problem) == ("report", "reserved")


def test_a_world_that_failed_and_an_operator_who_erred() -> None:
    """The other branches keep their fields as well."""
    world = UnavailableError("kds", "is busy", retry_after_s=2.5, hints=("wait",))
    assert (str(world), world.what, world.problem) == ("kds: is busy", "kds", "is busy")
    assert (world.retry_after_s, world.hints) == (2.5, ("wait",))
    assert UnavailableError("kds", "is busy").retry_after_s is None
    operator = MisconfiguredError("policy.toml", "is missing", path="snp.debug", hints=("add it",))
    assert str(operator) == "policy.toml: snp.debug: is missing"
    assert (operator.source, operator.path, operator.problem) == (
        "policy.toml", "snp.debug", "is missing",
    )  # fmt: skip
    assert str(MisconfiguredError("policy.toml", "is empty")) == "policy.toml: is empty"


@pytest.mark.parametrize(
    ("error", "branch"),
    [
        (MalformedError("it", "is empty"), RejectedError),
        (UnauthenticError("it", DEBUG), RejectedError),
        (UnacceptableError("it", DEBUG), RejectedError),
        (UnavailableError("it", "is gone"), EnarxError),
        (MisconfiguredError("it", "is empty"), EnarxError),
    ],
)
def test_whose_fault_it_is_decides_the_branch(error: EnarxError, branch: type[EnarxError]) -> None:
    """What a peer is to blame for is one branch; world and operator are none of its."""
    assert isinstance(error, branch)
    assert isinstance(error, RejectedError) is (branch is RejectedError)
    assert not isinstance(error, (ValueError, AssertionError, TypeError))
    assert error.message == str(error)


@given(st.lists(st.builds(Failure, st.text(), want=st.text(), got=st.text(), hint=st.text())))
def test_every_failure_is_told(failures: list[Failure]) -> None:
    """No failure is dropped from the message, and no hint is given twice."""
    for error in (UnauthenticError("step", *failures), UnacceptableError("policy", *failures)):
        assert all(str(failure) in str(error) for failure in failures)
        assert set(error.hints) == {failure.hint for failure in failures} - {""}
        assert len(set(error.hints)) == len(error.hints)
