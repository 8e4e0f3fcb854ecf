"""How long to wait before a server is asked again: as it says, or longer each time.

Sources: RFC 9110, section 10.2.3 (Retry-After: seconds or a date); "full jitter" after the AWS
Architecture Blog, Exponential Backoff and Jitter: clients that failed together do not come back
together.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

_MOST_DIGITS = 9  # more seconds than a life has


@dataclass(frozen=True, slots=True, kw_only=True)
class Backoff:
    """How often and how long.

    Args:
        attempts: requests in all, at least 1.
        first_s: the longest wait after the first failure; it doubles with each.
        most_s: the longest wait that the server did not ask for.
    """

    attempts: int = 4
    first_s: float = 1.0
    most_s: float = 15.0

    def wait_s(self, attempt: int, chance: float, asked_s: float | None) -> float | None:
        """Seconds to wait after *attempt* (1, 2, …) failed; None to give up.

        Args:
            chance: 0 to 1.
            asked_s: what the server asked for; it counts, and chance only adds to it.
        """
        if attempt >= self.attempts:
            return None
        spread = chance * min(self.most_s, self.first_s * 2 ** (attempt - 1))
        return spread if asked_s is None else asked_s + chance * self.first_s


def retry_after_s(value: str | None, now: datetime) -> float | None:
    """Seconds that a Retry-After header asks for; None if it is missing or says nothing.

    Args:
        now: aware, to measure a date from; one that has passed asks for nothing to wait.
    """
    text = (value or "").strip()
    if text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS:
        return float(text)
    try:
        until = parsedate_to_datetime(text)
        if until.tzinfo is None:  # "-0000": UTC of unknown origin (RFC 5322)
            until = until.replace(tzinfo=UTC)
        return max(0.0, (until - now).total_seconds())
    except (ValueError, TypeError, OverflowError):
        return None
