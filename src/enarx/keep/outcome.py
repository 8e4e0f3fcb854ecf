"""Which outcome an exception means that ends a keep.

The outcomes themselves are the protocol's; here is only the mapping from what Python raised.
"""

from __future__ import annotations

from enarx.errors import EnarxError
from enarx.keep.link import LinkLostError
from enarx.protocol import outcome

TYPE_CHECKING = False
if TYPE_CHECKING:
    from enarx.protocol.outcome import Outcome

_MAX_FRAMES = 40
_NAMES_CODE_ONLY = (AttributeError, ImportError, NameError, OSError, TypeError)


def of_exception(error: BaseException) -> Outcome:
    """Return the outcome of a keep that *error* ends.

    Our own errors are shown to the user with their hints; anything else is a bug of ours and
    carries the places it passed through, never values, which may be secrets.
    """
    if isinstance(error, EnarxError):
        return outcome.failed(error)
    if isinstance(error, LinkLostError):
        return outcome.link_lost()
    if isinstance(error, MemoryError):
        return outcome.limited("memory", None)
    return outcome.bug(trace(error))


def trace(error: BaseException) -> str:
    """Say where *error* came from, without reading source files: the sandbox forbids that."""
    lines: list[str] = []
    step = error.__traceback__
    while step is not None and len(lines) < _MAX_FRAMES:
        code = step.tb_frame.f_code
        lines.append(f"{code.co_filename}:{step.tb_lineno} in {code.co_name}")
        step = step.tb_next
    legible = isinstance(error, _NAMES_CODE_ONLY)
    lines.append(f"{type(error).__name__}: {error}" if legible else type(error).__name__)
    return "\n".join(lines)
