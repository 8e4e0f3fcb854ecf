"""What evidence needs beside itself, for a Steward: from the cache and the vendors' services."""

from __future__ import annotations

import threading
from contextlib import ExitStack
from typing import TYPE_CHECKING

from enarx.attestation import needs
from enarx.tee.endorsements import Endorsements

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from datetime import datetime

    from enarx.adapters.endorsement_resolver import Resolver
    from enarx.attestation import Parsed


class Endorsing:
    """Finds endorsements; many threads may ask, one at a time is answered.

    Args:
        opened: opens cache and services, at the first question that needs them.
    """

    def __init__(self, opened: Callable[[], AbstractContextManager[Resolver]]) -> None:
        self._opened = opened
        self._lock = threading.Lock()
        self._stack = ExitStack()
        self._resolver: Resolver | None = None

    def __call__(self, parsed: Parsed, now: datetime) -> Endorsements:
        """What *parsed* needs at *now* beside what came along.

        Raises:
            UnavailableError: what is at hand is older than is allowed, or than its issuer stands
                by, and no service answers.
        """
        from enarx.adapters.endorsement_resolver import (
            EndorsementsNotCurrentError,
            EndorsementsTooOldError,
        )

        at_hand = parsed.endorsements
        if not needs(parsed, at_hand, now):
            return Endorsements()
        with self._lock:
            if self._resolver is None:
                self._resolver = self._stack.enter_context(self._opened())
            found = self._resolver.resolve(lambda bag: needs(parsed, bag, now), at_hand, now)
        for error in found.failures:
            if isinstance(error, EndorsementsTooOldError | EndorsementsNotCurrentError):
                raise error
        return found.endorsements
