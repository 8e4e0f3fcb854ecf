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


class UnavailableError(EnarxError):
    """The world failed: network, device, disk, a process that died."""

    def __init__(self, what: str, problem: str, *, hints: tuple[str, ...] = ()) -> None:
        super().__init__(f"{what}: {problem}", hints=hints)
        self.what = what
        self.problem = problem


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
