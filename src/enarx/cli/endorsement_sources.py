"""Options of every command that may fetch endorsements; services and a cache made of them."""

from __future__ import annotations

import functools
import os
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import click

from enarx.cli.exit import report_note, say
from enarx.errors import MisconfiguredError
from enarx.wire.sizes import duration_s

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Option = Callable[[Callable[..., Any]], Callable[..., Any]]

    from enarx.adapters.endorsement_cache import EndorsementCache
    from enarx.adapters.endorsement_directory import Loaded
    from enarx.adapters.endorsement_resolver import Resolver
    from enarx.adapters.http_fetch import HttpFetch
    from enarx.adapters.intel_pcs import Update
    from enarx.ports import EndorsementSource

_SHOWN_NOTES = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceOptions:
    """What the command line says about services and the cache; empty where it says nothing."""

    kds: str
    pcs: str
    pccs: str
    root_crl: str
    ca_file: str
    update: Update
    evaluation_number: int | None
    max_age: timedelta
    offline: bool
    refresh: bool
    no_cache: bool

    @property
    def variant(self) -> str:
        """What of it changes answers, for the cache."""
        if self.evaluation_number is not None:
            return f"evaluation-number={self.evaluation_number}"
        return f"update={self.update}" if self.update else ""


def source_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give *command* the options below, collected into its argument ``sources``.

    Services are asked unless the user says --offline.
    """
    return _collected(command, (_OFFLINE, *_OPTIONS))


def source_options_on_demand(command: Callable[..., Any]) -> Callable[..., Any]:
    """The same; no service is asked unless the user says --fetch."""
    return _collected(command, (_FETCH, *_OPTIONS))


def _collected(command: Callable[..., Any], options: tuple[Option, ...]) -> Callable[..., Any]:
    @functools.wraps(command)
    def collected(**values: Any) -> Any:  # noqa: ANN401 - click passes options as keywords
        names = SourceOptions.__slots__
        sources = SourceOptions(**{name: values.pop(name) for name in names})
        return command(sources=sources, **values)

    found: Callable[..., Any] = collected
    for option in reversed(options):
        found = option(found)
    return found


_OFFLINE = click.option(
    "--offline", is_flag=True, help="Ask no service; use what is given and cached."
)
_FETCH = click.option(
    "--fetch",
    "offline",
    is_flag=True,
    flag_value=False,
    default=True,
    help="Ask the vendor's service for what is neither given nor cached.",
)
_OPTIONS = (
    click.option("--refresh", is_flag=True, help="Ask services also for what is cached and fresh."),
    click.option("--no-cache", is_flag=True, help="Neither read nor write the cache."),
    click.option(
        "--max-age",
        default="30d",
        show_default=True,
        metavar="TIME",
        callback=lambda _context, _parameter, value: _max_age(value),
        help="How long ago something cached may have been fetched, if its service is away.",
    ),
    click.option(
        "--kds",
        default="",
        envvar="ENARX_KDS",
        metavar="URL",
        help="A mirror of AMD's key distribution service.",
    ),
    click.option(
        "--pcs",
        default="",
        envvar="ENARX_PCS",
        metavar="URL",
        help="A mirror of Intel's provisioning certification service.",
    ),
    click.option(
        "--pccs",
        default="",
        envvar="ENARX_PCCS",
        metavar="URL",
        help="A caching service (PCCS) to ask instead of Intel's; before it, if --pcs is given.",
    ),
    click.option(
        "--root-crl",
        default="",
        envvar="ENARX_ROOT_CRL",
        metavar="URL",
        help="A mirror of the revocation list of Intel's root.",
    ),
    click.option(
        "--ca-file",
        default="",
        envvar="ENARX_CA_FILE",
        metavar="FILE",
        help="Authorities to trust beside the public ones, for TLS with services.",
    ),
    click.option(
        "--update",
        type=click.Choice(["early", "standard"]),
        default=None,
        callback=lambda _context, _parameter, value: value or "",
        help="Which of Intel's TCB levels: early ones, or those that platforms must have by now.",
    ),
    click.option(
        "--evaluation-number",
        type=click.IntRange(0, 2**31),
        default=None,
        metavar="N",
        help="Intel's TCB levels of this tcbEvaluationDataNumber.",
    ),
)


@contextmanager
def open_resolver(options: SourceOptions) -> Iterator[Resolver]:
    """The cache and the services that *options* name; connections end with the context.

    Raises:
        MisconfiguredError: an option says something impossible.
    """
    from enarx.adapters.endorsement_resolver import FRESH_FOR, Resolver
    from enarx.adapters.http_fetch import open_fetch
    from enarx.adapters.system_clock import SystemClock, chance

    clock = SystemClock()
    tell = _tell if _is_watched() else None
    with open_fetch(clock=clock, chance=chance, ca_file=options.ca_file, tell=tell) as fetch:
        yield Resolver(
            () if options.offline else _services(options, fetch),
            None if options.no_cache else open_cache(options.variant),
            clock,
            fresh_for=timedelta(0) if options.refresh else FRESH_FOR,
            max_age=options.max_age,
            tell=tell,
        )


def open_cache(variant: str = "") -> EndorsementCache:
    """The user's cache, where the environment puts it."""
    from enarx.adapters.endorsement_cache import EndorsementCache, default_directory

    return EndorsementCache(default_directory(os.environ), variant=variant)


def load_given(paths: tuple[str, ...]) -> Loaded:
    """What files, bundles and directories hold; what is left out there is said.

    Raises:
        MisconfiguredError: there is nothing at a path.
        MalformedError: a file is no endorsement, or there is too much.
        UnavailableError: it cannot be read.
    """
    from enarx.adapters.endorsement_directory import Loaded, load

    found = sum((load(path) for path in paths), start=Loaded())
    for note in found.notes[:_SHOWN_NOTES]:
        report_note(note)
    if len(found.notes) > _SHOWN_NOTES:
        report_note(f"left out {len(found.notes) - _SHOWN_NOTES} more")
    return found


def _services(options: SourceOptions, fetch: HttpFetch) -> tuple[EndorsementSource, ...]:
    from enarx.adapters import amd_kds, intel_pcs

    found: list[EndorsementSource] = [amd_kds.AmdKds(fetch, options.kds or amd_kds.URL)]
    number = options.evaluation_number
    if options.pccs:
        found.append(
            intel_pcs.IntelPccs(
                fetch, options.pccs, update=options.update, evaluation_number=number
            )
        )
    if options.pcs or not options.pccs:
        found.append(
            intel_pcs.IntelPcs(
                fetch,
                options.pcs or intel_pcs.URL,
                root_crl_url=options.root_crl or intel_pcs.ROOT_CRL_URL,
                update=options.update,
                evaluation_number=number,
                api_key=os.environ.get(intel_pcs.API_KEY_VARIABLE, ""),
            )
        )
    return tuple(found)


def _max_age(text: str) -> timedelta:
    seconds = duration_s(text)
    if seconds is None:
        hint = "write a number and a unit, such as 12h or 30d"
        raise MisconfiguredError("--max-age", f"got {text!r}, want a time", hints=(hint,))
    try:
        return timedelta(seconds=seconds)
    except OverflowError:
        return timedelta.max


def _is_watched() -> bool:
    """Whether someone at a terminal wonders what takes so long."""
    return sys.stderr is not None and sys.stderr.isatty()


def _tell(text: str) -> None:
    say(f"enarx: {text} …")
