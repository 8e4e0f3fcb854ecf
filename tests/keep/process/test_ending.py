"""What ends a keep becomes the right outcome, and no value of the application leaks with it."""

from __future__ import annotations

import errno

from enarx.errors import MisconfiguredError
from enarx.keep.link import LinkLostError
from enarx.keep.outcome import of_exception
from enarx.protocol import outcome


def raised(error: BaseException) -> BaseException:
    """The error with a traceback."""
    try:
        raise error  # noqa: TRY301 - to get a traceback
    except BaseException as caught:  # noqa: BLE001 - returned
        return caught


def test_our_errors_stay_themselves() -> None:
    """An error of the tree is shown to the user as one."""
    error = MisconfiguredError("Enarx.toml", "unknown key", path="args")
    ended = of_exception(raised(error))
    assert (ended.kind, ended.error) == ("failed", error)


def test_a_lost_link_and_lost_memory_have_their_own_ends() -> None:
    """Neither is a bug."""
    assert of_exception(raised(LinkLostError())).kind == "link_lost"
    assert of_exception(raised(MemoryError())).which == "memory"


def test_a_bug_says_where_but_never_a_value() -> None:
    """An exception's text may hold a secret; only kinds that speak of code keep theirs."""
    ended = of_exception(raised(KeyError("canary")))
    assert ended.kind == "bug"
    assert "canary" not in ended.message
    assert __file__ in ended.message
    assert ended.message.endswith("\nKeyError")
    assert "no attribute" in of_exception(raised(AttributeError("no attribute"))).message
    assert "[Errno 9]" in of_exception(raised(OSError(errno.EBADF, "bad"))).message


def test_a_bug_of_any_depth_can_be_sent() -> None:
    """The report of a deep recursion fits, and what is not text is made legible."""

    def deep(level: int) -> None:
        if level:
            deep(level - 1)
        raise TypeError("\0\udc80")

    try:
        deep(200)
    except TypeError as error:
        ended = of_exception(error)
    assert outcome.decode(ended.encode()).encode() == ended.encode()
