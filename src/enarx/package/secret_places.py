"""``[secrets]`` of an Enarx.toml: where each one goes, and that nothing else is there.

A secret's file may stand in a mounted folder, but no folder may be mounted on it or below it; a
variable is either the package's or a secret.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from enarx.errors import MisconfiguredError
from enarx.package.model import SECRETS_DIRECTORY, Secret
from enarx.wire.shape_check import join, shown

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from enarx.package.model import Config, Mount
    from enarx.wire.shape_check import Problems

    Keys = Mapping[str, object]

MAX_SECRETS = 64
"""As many as an envelope holds, and as a steward is asked for at once."""

_OURS = ("FD_COUNT", "FD_NAMES")


def read_secrets(keys: Keys, mounts: tuple[Mount, ...], problems: Problems) -> tuple[Secret, ...]:
    """The secrets of the whole document *keys*, whose tables have the shape of the schema."""
    tables = cast("Mapping[str, Keys]", keys.get("secrets", {}))
    if len(tables) > MAX_SECRETS:
        problems.wrong("secrets", f"at most {MAX_SECRETS} secrets", str(len(tables)))
    taken = dict.fromkeys(cast("Keys", keys.get("env", {})), "[env]")
    taken.update(dict.fromkeys(_OURS, "the keep"))
    found: list[Secret] = []
    for name, table in tables.items():
        secret, path = _secret(name, table), join("secrets", name)
        if secret.origin == "steward" and "steward" not in keys:
            problems.add("steward", f'is missing, and {path}.from = "steward" needs it')
        if secret.env:
            _check_variable(secret.env, f"{path}.env", taken, problems)
            taken[secret.env] = path
        else:
            _check_file(secret.file, f"{path}.file", mounts, problems)
            _check_files(secret.file, f"{path}.file", found, problems)
        found.append(secret)
    return tuple(found)


def check_given(config: Config, given: Collection[str], source: str = "Enarx.toml") -> None:
    """Insist that an owner gives every secret that only the owner can give, and no other's.

    Args:
        given: names of what the owner gives; those that no table names are not looked at.
        source: what to call the configuration in errors.

    Raises:
        MisconfiguredError: one is missing and not optional, or comes from the steward.
    """
    for secret in config.secrets:
        path = join("secrets", secret.name)
        if secret.origin == "steward":
            if secret.name in given:
                problem = "got one from the owner, want the steward's"
                hint = 'leave it out, or write from = "owner"'
                raise MisconfiguredError(source, problem, path=path, hints=(hint,))
        elif secret.name not in given and not secret.optional:
            hint = f"give it: --secret {secret.name}=FILE"
            raise MisconfiguredError(source, "the owner gave none", path=path, hints=(hint,))


def _secret(name: str, table: Keys) -> Secret:
    return Secret(
        name=name,
        file=cast("str", table.get("file", "")),
        env=cast("str", table.get("env", "")),
        origin=cast("str", table.get("from", "owner")),
        optional=cast("bool", table.get("optional", False)),
    )


def _check_variable(name: str, path: str, taken: Mapping[str, str], problems: Problems) -> None:
    if name in taken:
        problems.add(path, f"{shown(name)} is also set by {taken[name]}")


def _check_file(file: str, path: str, mounts: tuple[Mount, ...], problems: Problems) -> None:
    if _is_at_or_below(SECRETS_DIRECTORY, file):
        problems.add(path, f"{shown(file)} is where the folder {SECRETS_DIRECTORY} may be")
    for number, mount in enumerate(mounts):
        if _is_at_or_below(mount.path, file):
            problems.add(path, f"{shown(file)} is where mounts[{number}] is")


def _check_files(file: str, path: str, others: list[Secret], problems: Problems) -> None:
    for other in others:
        if other.file and (_is_at_or_below(other.file, file) or _is_at_or_below(file, other.file)):
            problems.add(path, f"{shown(file)} is where {join('secrets', other.name)} is")


def _is_at_or_below(path: str, file: str) -> bool:
    """Whether *path* is *file*, or would be in it if it were a folder."""
    return path == file or path.startswith(f"{file}/")
