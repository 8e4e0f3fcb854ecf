"""A log that is followed: what it shows now, against what it showed before."""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from enarx.adapters.checkpoint_memory import CheckpointMemory, default_directory
from enarx.cli.exit import report_warning
from enarx.errors import MalformedError, MisconfiguredError, UnauthenticError
from enarx.transparency.audit import must_extend
from enarx.transparency.checkpoint import Checkpoint, open_checkpoint
from enarx.transparency.tree import CONSISTENCY

if TYPE_CHECKING:
    from collections.abc import Iterator

    from enarx.adapters.log_source import LogSource
    from enarx.transparency.note import Verifier


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A checkpoint whose signature was checked, and the note that it was in."""

    checkpoint: Checkpoint
    note: bytes


class Following:
    """One log, read from *source*, whose checkpoints *verifier* checks."""

    def __init__(self, source: LogSource, verifier: Verifier, memory: CheckpointMemory) -> None:
        self.source = source
        self._verifier = verifier
        self._memory = memory

    def opened(self, note: bytes) -> Seen:
        """The checkpoint in *note*.

        Raises:
            MalformedError: there is none.
            UnauthenticError: the log did not sign it.
        """
        origin = self._verifier.name
        return Seen(checkpoint=open_checkpoint(note, origin, (self._verifier,)), note=note)

    def newest(self) -> Seen:
        """What the log shows now; raises as ``opened``, and UnavailableError."""
        return self.opened(self.source.checkpoint())

    def known(self) -> Seen | None:
        """What it showed the last time; None if it was never looked at.

        Raises:
            MisconfiguredError: another key signed that.
            UnavailableError: it cannot be read.
        """
        origin = self._verifier.name
        note = self._memory.load(origin)
        if note is None:
            return None
        try:
            return self.opened(note)
        except (MalformedError, UnauthenticError) as error:
            hint = "if the log has a new key, and its operator says so, move the file away"
            place = self._memory.path(origin)
            raise MisconfiguredError(place, f"was remembered: {error}", hints=(hint,)) from error

    @contextmanager
    def judging(self, known: Seen | None, shown: Seen) -> Iterator[None]:
        """Keep both checkpoints if they turn out, inside, to contradict each other."""
        try:
            yield
        except UnauthenticError as error:
            if known is not None and error.step == CONSISTENCY:
                files = self._memory.keep(self._verifier.name, known.note, shown.note)
                report_warning("the two checkpoints are kept: " + " ".join(files))
            raise

    def must_extend(self, old: Seen | None, new: Seen) -> None:
        """Insist that the log of *new* begins with that of *old*; keep both if not."""
        if old is not None:
            with self.judging(old, new):
                must_extend(old.checkpoint, new.checkpoint, self.source.tile)

    def remember(self, known: Seen | None, new: Seen) -> None:
        """Remember *new*, which was seen to extend *known*, and whatever came between."""
        if known is not None and known.checkpoint == new.checkpoint:
            return
        while not self._memory.save(
            self._verifier.name, new.note, instead_of=known.note if known else None
        ):
            known = self.known()  # of a command that ran beside this one
            if known is not None and known.checkpoint.size >= new.checkpoint.size:
                self.must_extend(new, known)
                return
            self.must_extend(known, new)


def user_memory() -> CheckpointMemory:
    """The user's memory, where the environment puts it."""
    return CheckpointMemory(default_directory(os.environ))
