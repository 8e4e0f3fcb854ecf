"""pyOpenSSL's exceptions: every one becomes an OSError, at one place."""

from __future__ import annotations

import errno
import select

import pytest
from OpenSSL import SSL

from enarx.keep.net.tls_errors import NoApplicationProtocolError, as_os_error, wanted_events

EXPECTED = {
    SSL.Error: errno.EPROTO,
    SSL.SysCallError: errno.ECONNRESET,
    SSL.WantReadError: errno.EAGAIN,
    SSL.WantWriteError: errno.EAGAIN,
    SSL.WantX509LookupError: errno.EPROTO,
    SSL.ZeroReturnError: errno.EPIPE,
    NoApplicationProtocolError: errno.EPROTO,
}


def family(kind: type[Exception]) -> set[type[Exception]]:
    """*kind* and everything derived from it."""
    return {kind}.union(*(family(each) for each in kind.__subclasses__()))


def test_every_exception_of_the_library_is_mapped() -> None:
    """A new one in a new release fails here, not in a keep."""
    assert family(SSL.Error) == set(EXPECTED)


@pytest.mark.parametrize("kind", EXPECTED)
def test_mapping(kind: type[SSL.Error]) -> None:
    """Each has its errno and a text."""
    mapped = as_os_error(kind())
    assert type(mapped) is type(OSError(EXPECTED[kind], ""))
    assert mapped.errno == EXPECTED[kind]
    assert mapped.strerror


def test_system_errors_keep_their_number() -> None:
    """What the kernel said is what the guest gets."""
    assert isinstance(as_os_error(SSL.SysCallError(errno.ECONNRESET, "x")), ConnectionResetError)
    assert isinstance(as_os_error(SSL.SysCallError(errno.EPIPE, "x")), BrokenPipeError)
    truncated = as_os_error(SSL.SysCallError(-1, "Unexpected EOF"))
    assert "close_notify" in str(truncated)


@pytest.mark.parametrize(
    ("queue", "text"),
    [
        ([("SSL routines", "", "tlsv1 alert unknown ca")], "does not trust our certificate"),
        ([("SSL routines", "", "something new")], "TLS: something new"),
        ([("a", "", "wrong version number"), ("b", "", "other")], "does not speak TLS"),
        ([], "TLS: Error"),
        ("text", "TLS: Error"),
    ],
)
def test_reasons_in_words(queue: object, text: str) -> None:
    """OpenSSL's reasons are translated where that helps, and shown where not."""
    assert text in str(as_os_error(SSL.Error(queue)))


def test_what_openssl_waits_for() -> None:
    """Only the two waiting errors name an event."""
    assert wanted_events(SSL.WantReadError()) == select.POLLIN
    assert wanted_events(SSL.WantWriteError()) == select.POLLOUT
    assert wanted_events(SSL.Error()) == 0
