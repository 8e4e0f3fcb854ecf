"""``enarx keep``: keeps that were deployed before."""

from __future__ import annotations

import json
import os
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from enarx.cli.demands import demand_options
from enarx.cli.hosts import Target, host_options, open_host
from enarx.protocol.outcome import legible

if TYPE_CHECKING:
    from collections.abc import Iterator

    from enarx.adapters.deployments import Deployment
    from enarx.cli.demands import Given
    from enarx.cli.deployment import Proven

_WAIT_S = 30


@click.group("keep")
def command() -> None:
    """See, follow, stop and question keeps on a host.

    What the host says of a keep is only what it says. Commands that use the keep's channel ask the
    keep for evidence first, each time.
    """


@command.command("list")
@host_options
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def list_(*, target: Target, as_json: bool) -> None:
    """List your keeps on the host, as the host tells it."""
    with open_host(target) as host:
        found = host.keeps()
    if as_json:
        items = [{k: v for k, v in asdict(keep).items() if k != "offer"} for keep in found]
        click.echo(json.dumps(items, indent=2))
        return
    for keep in found:
        line = f"{keep.id:<24} {keep.platform:<4} {keep.state:<11} {keep.created}  {keep.name}"
        click.echo(legible(line.rstrip()))


@command.command("logs")
@click.argument("keep")
@click.option("-f", "--follow", is_flag=True, help="Go on until the application ends.")
@host_options
@demand_options
def logs(keep: str, *, follow: bool, target: Target, given: Given) -> int:
    """Print what the application wrote, as far as the keep still has it."""
    from enarx.cli.following import follow as pass_on
    from enarx.cli.following import print_log

    with _session(keep, target, given) as (_, proven):
        if follow:
            pass_on(proven.session, stdin=False)
        else:
            print_log(proven.session)
    return 0


@command.command("attach")
@click.argument("keep")
@host_options
@demand_options
def attach(keep: str, *, target: Target, given: Given) -> int:
    """Use the application's input and output, and end as it does."""
    from enarx.cli.deployment import outcome_of
    from enarx.cli.following import conclude, follow

    with _session(keep, target, given) as (deployment, proven):
        ended = outcome_of(follow(proven.session, stdin=True))
    return conclude(deployment.name, ended)


@command.command("wait")
@click.argument("keep")
@host_options
@demand_options
def wait(keep: str, *, target: Target, given: Given) -> int:
    """Wait for the end, and end as the application did: the keep says how, not the host."""
    from enarx.cli.deployment import outcome_of
    from enarx.cli.following import conclude
    from enarx.protocol.states import ENDS

    with open_host(target) as host:
        while host.keep(keep, wait_s=_WAIT_S).state not in ENDS:
            pass
    with _session(keep, target, given) as (deployment, proven):
        ended = outcome_of(proven.session.status().outcome)
    return conclude(deployment.name, ended)


@command.command("attest")
@click.argument("keep")
@host_options
@demand_options
@click.option("--json", "as_json", is_flag=True, help="Print the verdict as JSON.")
def attest(keep: str, *, target: Target, given: Given, as_json: bool) -> None:
    """Ask the keep for new evidence over its channel, and say what it proves."""
    from enarx.appraisal.report import document
    from enarx.cli.acceptance import summary

    with _session(keep, target, given) as (deployment, proven):
        status = proven.session.status()
    if as_json:
        report = document(proven.authentic, proven.verdict)
        report["workload_digest"] = deployment.workload_digest
        click.echo(json.dumps(report, indent=2))
        return
    for line in summary(proven.authentic, proven.verdict):
        click.echo(legible(line))
    click.echo(legible(f"  workload  {deployment.workload_digest}, {status.state}"))


@command.command("stop")
@click.argument("keep")
@click.option("--grace", type=click.FloatRange(0, 3600), default=10.0, show_default=True,
              help="Seconds that the application has to end by itself.")  # fmt: skip
@host_options
def stop(keep: str, *, grace: float, target: Target) -> None:
    """Ask for the end of the application; its output and outcome stay for a while."""
    with open_host(target) as host:
        host.stop(keep, grace)


@command.command("delete")
@click.argument("keep")
@host_options
def delete(keep: str, *, target: Target) -> None:
    """End a keep at once and forget it, with everything that it held."""
    from enarx.adapters import deployments

    with open_host(target) as host:
        host.delete(keep)
    deployments.forget(deployments.default_directory(os.environ), keep)


@contextmanager
def _session(keep: str, target: Target, given: Given) -> Iterator[tuple[Deployment, Proven]]:
    """The deployment of *keep*, and a session with it that is proven."""
    from enarx.adapters import deployments
    from enarx.cli.deployment import open_session

    deployment = deployments.load(deployments.default_directory(os.environ), keep)
    demands = given.demands(target, deployment.platform, given.policy(target))
    with open_host(target) as host:
        proven = open_session(host, deployment, demands)
        try:
            yield deployment, proven
        finally:
            proven.session.close()
