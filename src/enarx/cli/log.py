"""``--log-filter``: which of our loggers speak, in the syntax of Enarx 0.7.

A filter is a comma-separated list of levels and target=level pairs; the last one that fits a
target wins, and what cannot be understood is left out, as there.
"""

from __future__ import annotations

import logging
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from enarx.protocol.link import Event

_LEVELS = {
    "trace": 5,
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warn": logging.WARNING,
    "warning": logging.WARNING,
    "error": logging.ERROR,
    "off": logging.CRITICAL + 10,
}
_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


def parse(text: str) -> list[tuple[str, int]]:
    """(logger name, level) pairs in order; the name "" is every logger of ours."""
    found = []
    for part in text.split(","):
        target, separator, level = part.strip().rpartition("=")
        number = _LEVELS.get(level.strip().lower())
        if number is None and not separator and level:
            target, number = level, _LEVELS["trace"]  # a bare target means all of it
        if number is not None:
            found.append((target.strip().replace("::", "."), number))
    return found


def note(event: Event) -> None:
    """Log what a keep said: what it meant for the log under its own target, the rest as it is."""
    if event.name != "log":
        logging.getLogger("enarx.keep").info("%s %s", event.name, event.fields)
        return
    target = str(event.fields["target"])
    name = target if target.startswith("enarx.") else "enarx.keep"
    logging.getLogger(name).log(_LEVELS[str(event.fields["level"])], "%s", event.fields["text"])


def configure(text: str, target: str) -> None:
    """Make our loggers speak as *text* says."""
    handler = logging.StreamHandler(sys.stdout if target.lower() == "stdout" else sys.stderr)
    handler.setFormatter(logging.Formatter(_FORMAT))
    root = logging.getLogger("enarx")
    root.addHandler(handler)
    root.propagate = False
    root.setLevel(logging.WARNING)
    for name, level in parse(text):
        logger = root if name in {"", "enarx"} else logging.getLogger(name)
        logger.setLevel(level)
