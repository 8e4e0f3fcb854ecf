"""``enarx steward policy``: write a policy, agree on it, and try it before it counts."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from enarx.adapters.package_files import read_file, write_new
from enarx.adapters.policy_files import read_files
from enarx.cli import steward_approval, steward_approver, steward_versions
from enarx.cli.exit import report_hint, report_note
from enarx.cli.policy import (
    image_option,
    installed,
    platforms_option,
    policy_name,
    simulated_option,
)
from enarx.errors import MalformedError, MisconfiguredError
from enarx.protocol.outcome import legible

if TYPE_CHECKING:
    from enarx.steward.policies.document import StewardPolicy

_NAME = "policy.toml"
_OUT = click.option(
    "-o", "--output", "output", metavar="FILE", default="", help="Write it there.  [default: print]"
)


@click.group("policy")
def command() -> None:
    """Write policies of a Steward, agree on them, and try them.

    A policy says what evidence must say, and what whoever shows it may be given. A change counts
    when enough approvers have signed it.
    """


command.add_command(steward_approver.command)
for _one in (*steward_versions.COMMANDS, *steward_approval.COMMANDS):
    command.add_command(_one)


@command.command("init")
@click.argument("file", default=_NAME)
@platforms_option
@image_option
@click.option(
    "--any-workload", is_flag=True, help="Give every workload a certificate, not listed ones only."
)
@simulated_option
def init(
    file: str,
    platforms: tuple[str, ...],
    *,
    installed_image: bool,
    any_workload: bool,
    accept_simulated: bool,
) -> None:
    """Write a commented, complete policy as FILE (default: policy.toml).

    A FILE that is already there stays as it is.
    """
    from enarx.steward.policies.starter import starter

    platforms = tuple(dict.fromkeys(platforms))
    text = starter(
        platforms,
        policy_name(file),
        references=installed(platforms) if installed_image else (),
        accept_simulated=accept_simulated,
        any_workload=any_workload,
    )
    write_new(file, text.encode())
    report_hint(f"check it with: enarx steward policy check {file}")


@command.command("check")
@click.argument("file", default=_NAME)
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def check(file: str, *, as_json: bool) -> None:
    """Check FILE (default: policy.toml), and list every problem.

    Exit status: 0 without problems, 4 with some.
    """
    from enarx.steward.policies.document import examine
    from enarx.steward.policies.shown import policy_document

    policy, problems = examine(_flat(file), file)
    if as_json:
        told = [{"path": one.path, "problem": one.problem} for one in problems]
        summary = policy_document(policy) if policy else None
        found = {"file": file, "ok": policy is not None, "problems": told, "policy": summary}
        click.echo(json.dumps(found, indent=2))
    elif policy is not None:
        click.echo(legible(f"{file}: {_summary(policy)}"))
    elif len(problems) > 1:
        for problem in problems:
            click.echo(legible("; ".join((str(problem), *problem.hints))))
    if problems:
        first, *more = problems
        raise MisconfiguredError(file, f"{len(problems)} problems") if more else first


@command.command("flatten")
@click.argument("file")
@_OUT
def flatten_command(file: str, output: str) -> None:
    """Write the policy FILE, with everything that it includes, as one document."""
    _put(_flat(file, strict=True), output)


@command.command("import-07")
@click.argument("file")
@click.option("--name", default="enarx-0.7", show_default=True, help="What results call it.")
@click.option(
    "--dns-name",
    "dns_names",
    multiple=True,
    metavar="NAME",
    help="A name for certificates, as --san was; may be repeated.",
)
@_OUT
def import_command(file: str, name: str, dns_names: tuple[str, ...], output: str) -> None:
    """Write the policy of an Enarx 0.7 Steward (FILE, its --config) as a policy of ours.

    Every difference is told, and stands at the head of the text.
    """
    from enarx.appraisal.composition import MAX_BYTES
    from enarx.steward.policies.enarx07 import imported

    try:
        data = read_file(file, MAX_BYTES)
    except MalformedError as e:
        raise MisconfiguredError(file, e.problem) from e
    found = imported(data, file, name=name, dns_names=dns_names)
    for note in found.notes:
        report_note(note)
    _put(found.text.encode(), output)


def _put(data: bytes, output: str) -> None:
    if output:
        write_new(output, data)
    else:
        click.echo(data, nl=False)


def _flat(file: str, *, strict: bool = False) -> bytes:
    """The document in *file*, with what it includes; as it is where it has problems of its own.

    Args:
        strict: a problem is raised.
    """
    from enarx.steward.policies.flatten import flatten

    files = read_files(file)
    try:
        return flatten(file, files)
    except MisconfiguredError:
        if strict or len(files) > 1:
            raise
        text = files[file]
        return text if isinstance(text, bytes) else b""


def _summary(policy: StewardPolicy) -> str:
    hours = policy.issue.lifetime_s / 3600
    admitted = "any workload" if policy.issue.any_workload else f"{len(policy.workloads)} workloads"
    parts = [
        f"valid; accepts {', '.join(policy.appraisal.platforms)}",
        f"certificates for {hours:g} h",
        f"{admitted}{'' if policy.issue.require_workload else ', and none'}",
    ]
    if not policy.issue.any_workload and not policy.workloads:
        parts.append("nothing is issued until a [[workload]] is listed")
    return "; ".join(parts)
