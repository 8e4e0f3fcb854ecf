"""``enarx policy``: write, check and explain what evidence must say to be accepted."""

from __future__ import annotations

import json
import re
from pathlib import PurePath
from typing import TYPE_CHECKING

import click

from enarx.adapters.package_files import write_new
from enarx.adapters.policy_files import read_files, read_policy
from enarx.appraisal.catalogue import PLATFORMS
from enarx.errors import MisconfiguredError
from enarx.protocol.outcome import legible

if TYPE_CHECKING:
    from enarx.appraisal.image import ReferenceValue
    from enarx.appraisal.policy import Policy

_NAME = "policy.toml"

platforms_option = click.option(
    "--platform",
    "platforms",
    type=click.Choice(PLATFORMS),
    multiple=True,
    default=("snp", "tdx"),
    show_default=True,
    help="A platform to accept; may be given several times.",
)
image_option = click.option(
    "--installed-image",
    is_flag=True,
    help="Accept the keep image that is installed here, and no other.",
)
simulated_option = click.option(
    "--insecure-accept-simulated",
    "accept_simulated",
    is_flag=True,
    help="Accept simulations as well, which protect nothing from the host.",
)


@click.group("policy")
def command() -> None:
    """Write, check and explain policies for evidence."""


@command.command("init")
@click.argument("file", default=_NAME)
@platforms_option
@image_option
@simulated_option
def init(
    file: str, platforms: tuple[str, ...], *, installed_image: bool, accept_simulated: bool
) -> None:
    """Write a commented, complete policy as FILE (default: policy.toml).

    It passes the check as it is. Without --installed-image it leaves the image unchecked until you
    state reference values. A FILE that is already there stays as it is.
    """
    from enarx.appraisal.starter import starter

    platforms = tuple(dict.fromkeys(platforms))
    text = starter(
        platforms,
        policy_name(file),
        references=installed(platforms) if installed_image else (),
        accept_simulated=accept_simulated,
    )
    try:
        write_new(file, text.encode())
    except MisconfiguredError as e:
        if e.problem != "does already exist":
            raise
        hint = f"check it with: enarx policy check {file}"
        raise MisconfiguredError(file, e.problem, hints=(hint,)) from e


def installed(platforms: tuple[str, ...]) -> tuple[ReferenceValue, ...]:
    """The reference values of the keep image that is installed here, on *platforms*.

    Raises:
        MisconfiguredError: there is no such image for one of them.
    """
    from enarx.cli.installed_image import installed_references
    from enarx.measure.process import NAMES

    unknown = [platform for platform in platforms if platform not in NAMES]
    if unknown:
        problem = f"there is no keep image for {', '.join(unknown)}"
        hint = f"images are known for {', '.join(NAMES)}"
        raise MisconfiguredError("--installed-image", problem, hints=(hint,))
    return installed_references(platforms)


@command.command("check")
@click.argument("file", default=_NAME)
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def check(file: str, *, as_json: bool) -> None:
    """Check FILE (default: policy.toml) with what it includes, and list every problem.

    Exit status: 0 without problems, 4 with some.
    """
    from enarx.appraisal.policy import examine

    policy, problems = examine(file, read_files(file))
    if as_json:
        click.echo(json.dumps(_check_document(file, policy, problems), indent=2))
    elif policy is not None:
        _say(f"{file}: {_summary(policy)}")
    elif len(problems) > 1:
        for problem in problems:
            _say("; ".join((str(problem), *problem.hints)))
    if problems:
        first, *more = problems
        raise MisconfiguredError(file, f"{len(problems)} problems") if more else first


@command.command("explain")
@click.argument("file", default=_NAME)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option(
    "--built-in", is_flag=True, help="Explain the policy that counts where none is given."
)
def explain(file: str, *, as_json: bool, built_in: bool) -> None:
    """Say in plain English what FILE (default: policy.toml) demands, and what it leaves out.

    One line for each rule; for what is left out, the reason and the risk.
    """
    from enarx.appraisal.baseline import baseline
    from enarx.appraisal.explain import explain as sentences

    policy = baseline() if built_in else read_policy(file)
    found = sentences(policy)
    if as_json:
        rules = [
            {
                "key": one.key,
                "platforms": list(one.platforms),
                "about": one.about,
                "want": one.want,
                "reason": one.reason,
                "risk": one.risk,
            }
            for one in found
        ]
        click.echo(json.dumps({**_policy_document(policy), "rules": rules}, indent=2))
        return
    for one in found:
        _say(str(one))


@command.command("schema")
def schema() -> None:
    """Print the JSON Schema of policies, for editors."""
    from enarx.appraisal.catalogue import POLICY_FILE
    from enarx.wire.shape_schema import json_schema

    title = "Enarx policy"
    click.echo(json.dumps(json_schema(POLICY_FILE, title), indent=2, ensure_ascii=False))


def policy_name(file: str) -> str:
    """A name for results, from the file's."""
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", PurePath(file).stem).strip("-._")
    return name[:100] or "policy"


def _summary(policy: Policy) -> str:
    from enarx.appraisal.explain import explain as sentences

    found = sentences(policy)
    left = sum(bool(one.reason) for one in found)
    parts = [
        f"valid; accepts {', '.join(policy.platforms)}",
        f"{len(found)} rules, {left} of them left out",
    ]
    if any(one.key.rpartition(".")[2] == "image" and one.reason for one in found):
        parts.append("no image is checked")
    return "; ".join(parts)


def _check_document(
    file: str, policy: Policy | None, problems: tuple[MisconfiguredError, ...]
) -> dict[str, object]:
    return {
        "file": file,
        "ok": policy is not None,
        "problems": [
            {
                "source": item.source,
                "path": item.path,
                "problem": item.problem,
                "hints": list(item.hints),
            }
            for item in problems
        ],
        **({"policy": _policy_document(policy)} if policy else {}),
    }


def _policy_document(policy: Policy) -> dict[str, object]:
    return {
        "name": policy.name,
        "sha256": policy.sha256.hex(),
        "platforms": list(policy.platforms),
        "files": list(policy.sources),
    }


def _say(text: str) -> None:
    """Print one line; a policy's reasons are text of others, who may have written anything."""
    click.echo(legible(" ".join(text.split())))
