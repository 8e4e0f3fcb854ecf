"""A certificate that a Steward gave, and gives anew while the application runs.

A certificate lives for hours, so that evidence is shown again and again; a keep that the Steward
would not certify today is one nobody can connect to tomorrow.
"""

from __future__ import annotations

import errno
import time
from datetime import UTC, datetime

from enarx.errors import EnarxError
from enarx.keep.net.anchors import check_anchors, in_memory
from enarx.keep.net.tls_context import server_context

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from cryptography.hazmat.primitives.asymmetric import ec

    from enarx.keep.clock import Clock
    from enarx.keep.identity import Identity
    from enarx.keep.net.settings import TlsSettings
    from enarx.keep.net.tls_context import TlsContext
    from enarx.keep.steward import Issued, Steward

LAUNCH_S = 10.0
"""How long a keep waits for its first certificate, from its first question to the last check."""

RENEWAL_S = 5.0
"""The same for the next ones: the application stands still meanwhile."""

_TRIES = 8
_PAUSE_S = 60.0
_PAUSES = 64


class Certified:
    """The certificate of one key, renewed when it is asked for after its time has come.

    Args:
        steward: who certifies.
        key: stays the same.
        clock: by which a certificate is old.
        log: takes a level and a text, for whoever runs the keep.

    Raises:
        UnavailableError: there is no first certificate.
    """

    def __init__(
        self,
        steward: Steward,
        key: ec.EllipticCurvePrivateKey,
        *,
        clock: Clock,
        log: Callable[[str, str], None],
    ) -> None:
        self._steward = steward
        self._key = key
        self._clock = clock
        self._log = log
        self._issued: Issued
        self._told = False  # that it has ended
        self._due_s = 0.0
        self._least_s = 0.0
        self._take(steward.certify(key, deadline=time.monotonic() + LAUNCH_S))

    def current(self) -> Identity:
        """The key with a certificate that holds now.

        From its ``renew_after`` on another is asked for, for at most ``RENEWAL_S``, in which
        neither the guest runs nor a handshake goes on.  If there is none, the old one serves until
        its end, and the Steward is asked again after an eighth of what is left of its life.

        Raises:
            OSError: EKEYEXPIRED, it has ended and there is no other.
        """
        if self._clock.now_s() >= self._due_s:
            self._renew()
        if self._clock.now_s() > self._issued.not_after_s:
            problem = f"the keep's certificate ended at {self._end()}"
            if not self._told:
                self._told = True
                self._log("error", f"{problem}, and there is no new one: connections are refused")
            raise OSError(errno.EKEYEXPIRED, f"refused, because {problem}")
        return self._issued.identity

    def _renew(self) -> None:
        try:
            issued = self._steward.certify(self._key, deadline=time.monotonic() + RENEWAL_S)
        except EnarxError as error:
            self._put_off(error)
            return
        self._take(issued)
        self._log("info", f"{self._steward.name}: certified the keep until {self._end()}")

    def _take(self, issued: Issued) -> None:
        now_s = self._clock.now_s()
        self._issued = issued
        self._told = False
        self._least_s = min((issued.not_after_s - now_s) / _PAUSES, _PAUSE_S)
        self._due_s = max(float(issued.renew_after_s), now_s + self._least_s)

    def _put_off(self, error: EnarxError) -> None:
        now_s = self._clock.now_s()
        end_s = self._issued.not_after_s
        self._due_s = now_s + max((end_s - now_s) / _TRIES, self._least_s)
        if now_s < end_s < self._due_s:
            self._due_s = end_s
        advice = "".join(f"; {hint}" for hint in error.hints)
        self._log(
            "warn",
            f"no new certificate: {error}{advice}; the keep's holds until {self._end()}; the "
            f"Steward is asked again with the first connection in {self._due_s - now_s:.0f} s",
        )

    def _end(self) -> str:
        return f"{datetime.fromtimestamp(self._issued.not_after_s, UTC):%Y-%m-%d %H:%M:%S} UTC"


class ListenerContexts:
    """The server's side of TLS for one listening socket that shows the keep's certificate.

    Raises:
        MisconfiguredError: *settings* cannot be used.
    """

    __slots__ = ("_anchors", "_certified", "_context", "_identity", "_settings")

    def __init__(self, certified: Certified, settings: TlsSettings, now_s: float) -> None:
        self._certified = certified
        self._settings = settings
        key = "client_trust_anchors"
        # Read once: later no file can be opened, and an anchor that is over by then must not be an
        # error of the configuration.
        self._anchors = in_memory(
            check_anchors(settings, key, settings.client_trust_anchors, now_s)
        )
        self._identity = certified.current()
        self._context = self._made(now_s)

    def current(self) -> TlsContext:
        """The context for the next connection.

        Raises:
            OSError: the certificate has ended, and there is no other.
        """
        identity = self._certified.current()
        if identity is not self._identity:
            self._identity = identity
            self._context = self._made(0.0)
        return self._context

    def _made(self, now_s: float) -> TlsContext:
        return server_context(self._settings, self._identity, now_s, anchors=self._anchors)
