"""Options of every command that speaks to a host agent, and the context they complete."""

from __future__ import annotations

import functools
import os
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import click

from enarx.adapters import contexts
from enarx.adapters.contexts import Context
from enarx.errors import MisconfiguredError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from enarx.adapters.contexts import Contexts
    from enarx.client.api import Host

_TOKEN_VARIABLE = "ENARX_TOKEN_FILE"  # noqa: S105 - the name of a variable
_HINT = "name one with --host URL, or keep it: enarx context add NAME --host URL"

_OPTIONS = (
    click.option("--context", "name", metavar="NAME", default="", envvar="ENARX_CONTEXT",
                 help="A context; the current one by default."),
    click.option("--host", metavar="URL", default="", envvar="ENARX_HOST",
                 help="The host agent, instead of the context's."),
    click.option("--token-file", metavar="FILE", default="", envvar=_TOKEN_VARIABLE,
                 help="A file with the token for it."),
    click.option("--host-ca", metavar="FILE", default="",
                 help="Authorities to trust beside the public ones, for TLS with it."),
    click.option("--client-certificate", metavar="FILE", default="",
                 help="A certificate to show to it, PEM."),
    click.option("--client-key", metavar="FILE", default="", help="The certificate's key, PEM."),
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """The host that a command is for, with what its context says beside.

    Args:
        name: of the context; empty for none.
    """

    name: str
    context: Context

    @property
    def url(self) -> str:
        """Of the host's API.

        Raises:
            MisconfiguredError: none is named.
        """
        from enarx.adapters.service_url import base_of

        if not self.context.url:
            raise MisconfiguredError("--host", "no host agent is named", hints=(_HINT,))
        return base_of(self.context.url, "--host")


def host_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give *command* the options above, collected into its argument ``target``."""

    @functools.wraps(command)
    def collected(
        *,
        name: str,
        host: str,
        token_file: str,
        host_ca: str,
        client_certificate: str,
        client_key: str,
        **values: Any,  # noqa: ANN401
    ) -> Any:  # noqa: ANN401
        target = choose(name, host)
        known = target.context
        context = replace(
            known,
            token_file=token_file or known.token_file,
            ca_file=host_ca or known.ca_file,
            client_certificate=client_certificate or known.client_certificate,
            client_key=client_key or known.client_key,
        )
        return command(target=replace(target, context=context), **values)

    found: Callable[..., Any] = collected
    for option in reversed(_OPTIONS):
        found = option(found)
    return found


def choose(name: str, host: str) -> Target:
    """The context *name*, the current one for none, with *host* in place of its URL if given.

    A *host* alone is the context that has its URL, if there is one. The token of a context is for
    its own host: with another one it is left out.

    Raises:
        MisconfiguredError: there is no such context.
    """
    known = contexts.load(contexts.default_directory(os.environ))
    chosen = name or (_of_url(known, host) if host else known.current)
    if chosen and chosen not in known.by_name:
        there = ", ".join(sorted(known.by_name)) or "none"
        raise MisconfiguredError("context", f"no context {chosen!r} (there are: {there})")
    context = known.by_name.get(chosen, Context())
    if host and host.rstrip("/") != context.url.rstrip("/"):
        context = Context(
            url=host,
            policy=context.policy,
            insecure_accept_simulated=context.insecure_accept_simulated,
        )
    return Target(name=chosen, context=context)


def _of_url(known: Contexts, url: str) -> str:
    """The context of the host at *url*, the current one first; empty for none."""
    for name in (known.current, *sorted(known.by_name)):
        context = known.by_name.get(name)
        if context is not None and context.url.rstrip("/") == url.rstrip("/"):
            return name
    return ""


@contextmanager
def open_host(target: Target) -> Iterator[Host]:
    """The host agent of *target*; connections end with the context.

    Raises:
        MisconfiguredError: its URL, token or authorities are wrong.
    """
    from enarx.adapters.http_fetch import show_certificate, trust
    from enarx.client.api import Host

    url = target.url
    context = target.context
    token = contexts.read_token(context.token_file) if context.token_file else ""
    tls = trust(context.ca_file) if url.startswith("https:") else None
    if tls is not None and (context.client_certificate or context.client_key):
        show_certificate(tls, context.client_certificate, context.client_key)
    with Host(url, token=token, tls=tls) as host:
        yield host
