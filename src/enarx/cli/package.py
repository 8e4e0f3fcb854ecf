"""``enarx package``: build, inspect and unpack packages."""

from __future__ import annotations

import json
from pathlib import Path

import click

from enarx.adapters import package_files
from enarx.adapters.package_files import load
from enarx.errors import MisconfiguredError


@click.group("package")
def command() -> None:
    """Build, inspect and unpack packages.

    A package is one file, or one reference in a registry, with an application, its Enarx.toml
    and its files. Its digest is the identity of the workload.
    """


@command.command("build")
@click.argument("path", metavar="DIRECTORY|APP.WASM")
@click.option("-o", "--output", metavar="FILE", help="The package to write; default: NAME.tar.")
@click.option("--config", metavar="FILE", help="An Enarx.toml to use instead of the directory's.")
@click.option("--name", default="", help="A label for tools that read OCI layouts; no identity.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def build(path: str, output: str | None, config: str | None, name: str, *, as_json: bool) -> None:
    """Make a package of a directory or a program, and print its digest.

    The same program, configuration and files give the same bytes. Everything in the directory
    but .git goes in.
    """
    from enarx.package.layout import write_layout

    target = output or f"{Path(path).resolve().name.removesuffix('.wasm')}.tar"
    is_directory = Path(path).is_dir()
    if is_directory and Path(target).resolve().is_relative_to(Path(path).resolve()):
        hint = "write it elsewhere: -o FILE"
        raise MisconfiguredError(target, f"is inside the package directory {path}", hints=(hint,))
    package = load(path, config=config)
    if package.config is not None:
        _check_config(package.config, config or str(Path(path, package_files.CONFIG_FILE)))
    package_files.write_new(target, write_layout(package, name))
    left_out = package_files.skipped(path) if is_directory else ()
    for entry in left_out:
        click.echo(f"enarx: note: left out {Path(path, entry)}", err=True)
    if as_json:
        found = {"digest": package.digest, "file": target, "skipped": list(left_out)}
        click.echo(json.dumps(found, indent=2))
    else:
        click.echo(package.digest)


@command.command("digest")
@click.argument("path", metavar="PACKAGE")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def digest(path: str, *, as_json: bool) -> None:
    """Print the workload digest of PACKAGE: a directory, a program or a built package."""
    package = load(path)
    click.echo(json.dumps({"digest": package.digest}) if as_json else package.digest)


@command.command("inspect")
@click.argument("path", metavar="PACKAGE")
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
def inspect(path: str, *, as_json: bool) -> None:
    """Show what is in PACKAGE: program, layers, configuration and files."""
    from enarx.cli.package_report import describe, lines
    from enarx.protocol.outcome import legible

    report = describe(load(path), path)
    if as_json:
        click.echo(json.dumps(report, indent=2, ensure_ascii=False))
    else:
        for line in lines(report):
            click.echo(legible(line))  # names in a package are its maker's


@command.command("unpack")
@click.argument("path", metavar="PACKAGE")
@click.option("-o", "--output", metavar="DIRECTORY", required=True, help="The directory to make.")
def unpack(path: str, output: str) -> None:
    """Write the program, Enarx.toml and files of PACKAGE into a new directory.

    Building that directory again gives the same digest.
    """
    package_files.unpack(load(path), output)


def _check_config(text: bytes, source: str) -> None:
    from enarx.package.config import parse

    parse(text, source)
