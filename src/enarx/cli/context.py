"""``enarx context``: hosts, tokens and policies that need not be repeated."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, replace
from pathlib import Path

import click

from enarx.adapters import contexts
from enarx.adapters.contexts import Context
from enarx.cli.hosts import choose
from enarx.errors import MisconfiguredError
from enarx.protocol.outcome import legible


@click.group("context")
def command() -> None:
    """Keep which host, token and policy to use under a name."""


@command.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def list_(*, as_json: bool) -> None:
    """List the contexts; the current one has a star."""
    known = contexts.load(_directory())
    if as_json:
        items = {name: asdict(context) for name, context in known.by_name.items()}
        click.echo(json.dumps({"current": known.current, "contexts": items}, indent=2))
        return
    for name, context in sorted(known.by_name.items()):
        mark = "*" if name == known.current else " "
        click.echo(legible(f"{mark} {name:<16} {context.url}"))


@command.command("show")
@click.argument("name", default="")
def show(name: str) -> None:
    """Print one context, by default the current one. No token is shown, only where it is."""
    target = choose(name, "")
    if not target.name:
        hint = "make one: enarx context add NAME --host URL"
        raise MisconfiguredError("context", "there is no current one", hints=(hint,))
    click.echo(json.dumps({"name": target.name, **asdict(target.context)}, indent=2))


@command.command("add")
@click.argument("name")
@click.option("--host", metavar="URL", required=True, help="The host agent's address.")
@click.option("--token-file", metavar="FILE", default="", help="A file with the token for it.")
@click.option("--host-ca", metavar="FILE", default="", help="Authorities for its certificate.")
@click.option(
    "--client-certificate", metavar="FILE", default="", help="A certificate to show to it."
)
@click.option("--client-key", metavar="FILE", default="", help="The certificate's key.")
@click.option("--policy", metavar="FILE", default="", help="What evidence must say.")
@click.option(
    "--insecure-accept-simulated", is_flag=True, help="Accept simulated platforms with it."
)
def add(
    name: str, *, host: str, token_file: str, host_ca: str, client_certificate: str,
    client_key: str, policy: str, insecure_accept_simulated: bool,
) -> None:  # fmt: skip
    """Add a context, or change one. The first one is the current one."""
    from enarx.adapters.service_url import base_of

    context = Context(
        url=base_of(host, "--host"),
        token_file=_absolute(token_file),
        ca_file=_absolute(host_ca),
        client_certificate=_absolute(client_certificate),
        client_key=_absolute(client_key),
        policy=_absolute(policy),
        insecure_accept_simulated=insecure_accept_simulated,
    )
    known = contexts.load(_directory())
    contexts.save(_directory(), contexts.with_context(known, name, context))


@command.command("use")
@click.argument("name")
def use(name: str) -> None:
    """Make a context the current one."""
    choose(name, "")
    known = contexts.load(_directory())
    contexts.save(_directory(), replace(known, current=name))


@command.command("remove")
@click.argument("name")
def remove(name: str) -> None:
    """Forget a context. Its host, token and keeps stay."""
    choose(name, "")
    known = contexts.load(_directory())
    left = {key: value for key, value in known.by_name.items() if key != name}
    current = "" if known.current == name else known.current
    contexts.save(_directory(), replace(known, by_name=left, current=current))


def _directory() -> str:
    return contexts.default_directory(os.environ)


def _absolute(path: str) -> str:
    """A context is used from any folder."""
    return str(Path(path).absolute()) if path else ""
