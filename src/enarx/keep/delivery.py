"""Secrets on the last part of their way: from names and bytes to files and variables.

Who gave them is known here and not asked again: what comes from the owner was in the envelope,
what comes from the steward was sealed to this keep.  One is never taken for the other.
"""

from __future__ import annotations

from enarx.errors import MisconfiguredError
from enarx.package.model import SECRETS_DIRECTORY
from enarx.package.secret_places import check_given
from enarx.wire.shape_check import join

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Container, Mapping

    from enarx.package.model import Config, Secret

_AS_FILE = "give it as a file: file = ..."


class Delivery:
    """Where everything is.

    Attributes:
        files: by absolute guest path.
        environment: name and value of each variable.
        unnamed: what the owner gave and the configuration does not name, by file name.
    """

    __slots__ = ("environment", "files", "unnamed")

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.environment: list[tuple[str, str]] = []
        self.unnamed: dict[str, bytes] = {}


def deliver(
    config: Config,
    given: Mapping[str, bytes],
    fetched: Mapping[str, bytes],
    *,
    variables: Container[str] = (),
    source: str = "Enarx.toml",
) -> Delivery:
    """What the application finds of its secrets when it starts.

    Args:
        given: by the owner, by name.
        fetched: from the steward, by name; only ``secrets_wanted`` are looked at.
        variables: names of variables that are given at the start.
        source: what messages call the configuration; no message has a value.

    Raises:
        MisconfiguredError: one is missing and not optional, is no text for a variable, or has the
            place of something else.
    """
    check_given(config, given, source)
    made = Delivery()
    for secret in config.secrets:
        value = (fetched if secret.origin == "steward" else given).get(secret.name)
        if value is None:
            if not secret.optional:  # the owner's are all there
                raise _refused(secret, source, "the steward gave none", _ASK)
        elif secret.file:
            made.files[secret.file] = value
        elif secret.env in variables:
            problem = f"the variable {secret.env} is also given at the start"
            raise _refused(secret, source, problem, f"leave --env {secret.env} out")
        else:
            made.environment.append((secret.env, _text(secret, value, source)))
    names = {secret.name for secret in config.secrets}
    made.unnamed.update((name, given[name]) for name in given if name not in names)
    for secret in config.secrets:
        folder, _, name = secret.file.rpartition("/")
        if folder == SECRETS_DIRECTORY and name in made.unnamed:
            problem = f"another secret is called {name}, and would be at {secret.file}"
            raise _refused(secret, source, problem, f"leave --secret {name}=FILE out")
    return made


_ASK = (
    "have it put there, and allowed for this workload: enarx steward secret, enarx steward policy"
)


def _text(secret: Secret, value: bytes, source: str) -> str:
    """*value* as that of a variable."""
    try:
        text = value.decode()
    except UnicodeDecodeError:  # its text has the value
        raise _refused(secret, source, "got bytes that are not UTF-8", _AS_FILE) from None
    if "\0" in text:
        raise _refused(secret, source, "got a NUL, which no variable can have", _AS_FILE)
    return text


def _refused(secret: Secret, source: str, problem: str, hint: str) -> MisconfiguredError:
    path = join("secrets", secret.name)
    return MisconfiguredError(source, problem, path=path, hints=(hint,))
