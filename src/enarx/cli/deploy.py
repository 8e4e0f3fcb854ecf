"""``enarx deploy``: an application in a keep that proved itself, on a machine nobody trusts."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from enarx.cli.demands import demand_options
from enarx.cli.hosts import Target, host_options, open_host
from enarx.cli.launching import secret_files
from enarx.errors import MisconfiguredError
from enarx.protocol.outcome import legible

if TYPE_CHECKING:
    from enarx.appraisal.policy import Policy
    from enarx.appraisal.verdict import Verdict
    from enarx.attestation import Authentic
    from enarx.cli.acceptance import Demands
    from enarx.cli.demands import Given
    from enarx.cli.deployment import Deployed, Order
    from enarx.client.api import Host
    from enarx.protocol.outcome import Outcome

_LEFT_RUNNING = {"detached": 1, "stdin": 0, "keep_s": 86_400}


@click.command("deploy")
@click.argument("package", metavar="PACKAGE")
@click.argument("arguments", metavar="[ARGUMENTS]...", nargs=-1, type=click.UNPROCESSED)
@host_options
@demand_options
@click.option(
    "--platform", default="", metavar="NAME", help="Where to run: snp, tdx or sgx; by default any."
)
@click.option(
    "--arg",
    "given_arguments",
    metavar="TEXT",
    multiple=True,
    help="An argument of the application, before those after PACKAGE; repeatable.",
)
@click.option(
    "--env", "environment", metavar="NAME=VALUE", multiple=True, help="Set a variable; repeatable."
)
@click.option(
    "--secret",
    "secrets",
    metavar="NAME=FILE",
    multiple=True,
    help="Give the application a file as its secret NAME, in /run/secrets unless Enarx.toml says"
    " otherwise; repeatable.",
)
@click.option("--name", "label", default="", metavar="TEXT", help="What the host may call it.")
@click.option("--detach", is_flag=True, help="Leave it running; see `enarx keep`.")
@click.option("--verdict", metavar="FILE", default="", help="Write the whole verdict as JSON.")
@click.option(
    "--json",
    "as_json",
    is_flag=True,
    help="Print the result as JSON; the application's output goes to standard error.",
)
def command(
    *,
    package: str,
    arguments: tuple[str, ...],
    target: Target,
    given: Given,
    platform: str,
    given_arguments: tuple[str, ...],
    environment: tuple[str, ...],
    secrets: tuple[str, ...],
    label: str,
    detach: bool,
    verdict: str,
    as_json: bool,
) -> int:
    """Run the application in PACKAGE in a keep on another machine.

    The keep proves itself first: which hardware, which image. Only what the policy accepts is
    given the package, sealed to a key that is made in the keep and used once. Output, input and
    the exit status pass through a channel that ends in the keep; the host sees none of it.

    Arguments that begin with a dash come after "--".
    """
    from enarx.adapters.package_files import is_built_project, load
    from enarx.cli import deployment as work
    from enarx.cli.execution import report_if_stale

    if is_built_project(package):
        report_if_stale(package)

    order = work.Order(
        package=load(package),
        name=package,
        label=label,
        platform=platform,
        arguments=(*given_arguments, *arguments),
        environment=_environment(environment),
        secrets=secret_files(secrets),
        options=_LEFT_RUNNING if detach else {},
    )
    _check_secrets(order)
    policy = given.policy(target)
    with open_host(target) as host:
        order = _with_platform(order, host.platforms(), policy)
        demands = given.demands(target, order.platform, policy)
        path = given.policy_of(target)
        judged = _Judged(verdict, as_json=as_json)
        done = work.deploy(host, target.url, order, demands, policy=path, tell=_tell, judged=judged)
        if detach:
            _print(done, None, as_json=as_json)
            return 0
        ended = _follow(host, done, demands, aside=as_json)
        if as_json:
            _print(done, ended, as_json=True)
        _tidy_up(host, done.deployment.keep)
    from enarx.cli.following import conclude

    return conclude(package, ended)


def _tidy_up(host: Host, keep: str) -> None:
    """Delete a keep that has ended; how its application ended counts, and not this."""
    from enarx.cli.exit import report_warning
    from enarx.errors import EnarxError

    try:
        host.delete(keep)
    except EnarxError as error:
        report_warning(f"{keep} was not deleted: {error}")


def _follow(host: Host, done: Deployed, demands: Demands, *, aside: bool) -> Outcome:
    """Pass everything on until the application has ended; how it did.

    Args:
        aside: its output goes to standard error.
    """
    from enarx.cli.deployment import open_session, outcome_of
    from enarx.cli.exit import report_hint
    from enarx.cli.following import follow
    from enarx.errors import UnavailableError

    _tell("running it")
    try:
        session = open_session(host, done.deployment, demands).session
        try:
            return outcome_of(follow(session, stdin=True, aside=aside))
        finally:
            session.close()
    except (KeyboardInterrupt, UnavailableError):
        keep = done.deployment.keep
        report_hint(f"it may go on: enarx keep attach {keep}, or enarx keep delete {keep}")
        raise


def _with_platform(order: Order, offered: tuple[str, ...], policy: Policy | None) -> Order:
    """*order* with a platform that the host has and the policy accepts, ours first."""
    from dataclasses import replace

    from enarx.measure.process import NAMES

    if order.platform:
        if order.platform not in offered:
            there = ", ".join(offered) or "none"
            problem = f"got {order.platform!r}, and the host has {there}"
            raise MisconfiguredError("--platform", problem)
        return order
    wanted = tuple(NAMES) if policy is None else policy.platforms
    ranked = [name for name in (*NAMES, *offered) if name in offered and name in wanted]
    if not ranked:
        problem = f"the host has {', '.join(offered) or 'no platform'}"
        raise MisconfiguredError(
            "--platform", problem, hints=(f"the policy accepts {', '.join(wanted)}",)
        )
    return replace(order, platform=ranked[0])


def _environment(texts: tuple[str, ...]) -> dict[str, str]:
    from enarx.cli.launching import variable

    return dict(variable(text) for text in texts)


def _check_secrets(order: Order) -> None:
    """Find out here, and not in the keep, that the application would lack a secret."""
    if order.package.config is None:
        return
    from enarx.package.config import examine
    from enarx.package.secret_places import check_given

    config, problems = examine(order.package.config)
    if not problems:  # the keep says what is wrong with a configuration
        check_given(config, order.secrets)


class _Judged:
    """Keeps a verdict where the user wants it, a refusal above all."""

    def __init__(self, path: str, *, as_json: bool) -> None:
        self._path = path
        self._as_json = as_json

    def __call__(self, authentic: Authentic, verdict: Verdict) -> None:
        from enarx.adapters.package_files import write_new
        from enarx.appraisal.report import document

        report = document(authentic, verdict)
        if self._path:
            write_new(self._path, json.dumps(report, indent=2).encode())
        if self._as_json and not verdict.accepted:  # there will be no other output
            click.echo(json.dumps({"verdict": report}, indent=2))


def _print(done: Deployed, ended: Outcome | None, *, as_json: bool) -> None:
    """The keep's name, or everything about the deployment.

    Args:
        ended: how the application did, if it has.
    """
    from enarx.appraisal.report import document

    deployment = done.deployment
    if not as_json:
        click.echo(deployment.keep)
        return
    report: dict[str, object] = {
        "keep": deployment.keep,
        "platform": deployment.platform,
        "workload_digest": deployment.workload_digest,
        "receipt": done.path,
        "verdict": document(done.authentic, done.verdict),
    }
    if ended is not None:
        report["outcome"] = ended.encode()
    click.echo(json.dumps(report, indent=2))


def _tell(text: str) -> None:
    """Say what is going on to whoever watches."""
    import sys

    from enarx.cli.exit import say

    if sys.stderr is not None and sys.stderr.isatty():
        say(legible(f"enarx: {text} …"))
