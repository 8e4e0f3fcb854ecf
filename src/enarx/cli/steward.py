"""``enarx steward``: certify keeps that prove themselves, and keep the record of it."""

from __future__ import annotations

import click

from enarx.cli.program import LazyGroup

COMMANDS = {
    "ca": ("enarx.cli.steward_ca", "Make, rotate and show the authority."),
    "policy": ("enarx.cli.steward_policy", "Write, propose, approve and try policies."),
    "serve": ("enarx.cli.steward_serve", "Serve keeps and their clients until SIGTERM."),
}


@click.group("steward", cls=LazyGroup, lazy=COMMANDS)
def command() -> None:
    """Certify keeps that prove themselves, and keep the record of it."""
