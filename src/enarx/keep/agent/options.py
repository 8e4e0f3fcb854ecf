"""The options of a keep that an owner may seal beside the package."""

from __future__ import annotations

from enarx.errors import MalformedError
from enarx.protocol.launch import MAX_INSTANT_S

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

LIMITS = {
    "detached": (0, 0, 1),
    "keep_s": (600, 0, 7 * 24 * 3600),
    "logs_bytes": (1 << 20, 1 << 16, 1 << 26),
    "not_before_s": (0, 0, MAX_INSTANT_S),
    "stdin": (1, 0, 1),
}
"""By name: what holds where nothing is said, the least, and the most."""


class Options:
    """What was chosen, and what holds otherwise.

    Attributes:
        detached: nobody will read along: output is never waited for.
        keep_s: how long the end and the output are kept for the owner to ask, in seconds.
        not_before_s: it is at least this late by the owner's clock, in seconds since 1970.
        logs_bytes: how much of each output stream is kept.
        stdin: the owner may send input; otherwise it ends at once.
    """

    __slots__ = ("detached", "keep_s", "logs_bytes", "not_before_s", "stdin")

    def __init__(self, chosen: Mapping[str, int]) -> None:
        """Read *chosen*.

        Raises:
            MalformedError: an option that there is not, or a value that it cannot have.
        """
        for name, value in chosen.items():
            if name not in LIMITS:
                raise MalformedError("options", f"got {name[:40]!r}, want {', '.join(LIMITS)}")
            _, least, most = LIMITS[name]
            if not least <= value <= most:
                raise MalformedError(f"options: {name}", f"got {value}, want {least} to {most}")
        values = {name: chosen.get(name, default) for name, (default, _, _) in LIMITS.items()}
        self.detached = bool(values["detached"])
        self.keep_s = values["keep_s"]
        self.logs_bytes = values["logs_bytes"]
        self.not_before_s = values["not_before_s"]
        self.stdin = bool(values["stdin"])
