"""``enarx steward``: certify keeps that prove themselves, and keep the record of it."""

from __future__ import annotations

import click

from enarx.cli.program import LazyGroup

COMMANDS = {
    "backup": ("enarx.cli.steward_backup", "Write all records to a file."),
    "ca": ("enarx.cli.steward_ca", "Make, rotate and show the authority."),
    "deny": ("enarx.cli.steward_deny", "Deny workloads, chips, keys and certificates at once."),
    "log": ("enarx.cli.steward_log", "Name releases in the log, export it, say its key."),
    "policy": ("enarx.cli.steward_policy", "Write, propose, approve and try policies."),
    "restore": ("enarx.cli.steward_restore", "Fill an empty database from a backup."),
    "secret": ("enarx.cli.steward_secret", "Keep secrets for workloads."),
    "serve": ("enarx.cli.steward_serve", "Serve keeps and their clients until SIGTERM."),
    "status": ("enarx.cli.steward_status", "Say what is on record."),
    "token": ("enarx.cli.steward_token", "Say who may operate this Steward."),
}


@click.group("steward", cls=LazyGroup, lazy=COMMANDS)
def command() -> None:
    """Certify keeps that prove themselves, and keep the record of it."""
