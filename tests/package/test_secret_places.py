"""[secrets] of an Enarx.toml: one place each, and no place twice."""

from __future__ import annotations

import pytest

from enarx.package.config import examine, parse
from enarx.package.model import Secret, secrets_wanted

STEWARD = 'steward = "https://a.example"\n'


def problems(text: str) -> list[str]:
    """Every problem of *text*, as a user reads it."""
    return [str(problem) for problem in examine(text.encode())[1]]


def test_a_secret_is_the_owner_s_and_needed_unless_it_says_otherwise() -> None:
    """File or variable; `from` and `optional` have defaults."""
    config = parse(
        f"""{STEWARD}
[secrets.db-password]
file = "/etc/app/password"
[secrets."api.token"]
env = "TOKEN"
from = "steward"
optional = true
""".encode()
    )
    assert config.secrets == (
        Secret(name="db-password", file="/etc/app/password"),
        Secret(name="api.token", env="TOKEN", origin="steward", optional=True),
    )
    assert [one.name for one in secrets_wanted(config)] == ["api.token"]


def test_without_secrets_nothing_is_asked_of_the_steward() -> None:
    """Neither without the table nor with the owner's alone."""
    assert secrets_wanted(parse(b"")) == ()
    assert secrets_wanted(parse(b'[secrets.a]\nenv = "A"')) == ()


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ("[secrets.a]", "secrets.a: got none of them, want exactly one of file, env"),
        (
            "[secrets.a]\nfile='/a'\nenv='A'",
            "secrets.a: got file and env, want exactly one of file, env",
        ),
        ("[secrets.a]\nfile='a'", 'secrets.a.file: got "a", want an absolute path'),
        ("[secrets.a]\nfile='/a/../b'", "secrets.a.file: got"),
        ("[secrets.a]\nfile='/'", "secrets.a.file: got"),
        ("[secrets.a]\nenv='A=B'", "secrets.a.env: got \"A=B\", want a name without '='"),
        ("[secrets.a]\nenv='A'\nfrom='host'", 'secrets.a.from: got "host", want "owner" or'),
        ("[secrets.a]\nenv='A'\noptional=1", "secrets.a.optional: got the integer 1, want true"),
        ("[secrets.A]\nenv='A'", 'secrets: got the key "A", want 1 to 128 of a-z'),
        ("[secrets.'..']\nenv='A'", 'secrets: got the key "..", want 1 to 128 of a-z'),
        ("secrets='a'", 'secrets: got "a", want a table'),
        (
            "[secrets.a]\nenv='A'\nfrom='steward'",
            'steward: is missing, and secrets.a.from = "steward" needs it',
        ),
        ("env={A=''}\nsecrets={a={env='A'}}", 'secrets.a.env: "A" is also set by [env]'),
        ("secrets={a={env='FD_NAMES'}}", 'secrets.a.env: "FD_NAMES" is also set by the keep'),
        (
            "secrets={a={env='A'}, b={env='A'}}",
            'secrets.b.env: "A" is also set by secrets.a',
        ),
        (
            "secrets={a={file='/a'}, b={file='/a'}}",
            'secrets.b.file: "/a" is where secrets.a is',
        ),
        (
            "secrets={a={file='/a/b'}, b={file='/a'}}",
            'secrets.b.file: "/a" is where secrets.a is',
        ),
        (
            "secrets={a={file='/a'}, b={file='/a/b'}}",
            'secrets.b.file: "/a/b" is where secrets.a is',
        ),
        (
            "mounts=[{path='/x/y'}]\nsecrets={a={file='/x/y'}}",
            'secrets.a.file: "/x/y" is where mounts[0] is',
        ),
        (
            "mounts=[{path='/x/y'}]\nsecrets={a={file='/x'}}",
            'secrets.a.file: "/x" is where mounts[0] is',
        ),
        ("secrets={a={file='/run'}}", 'secrets.a.file: "/run" is where the folder /run/secrets'),
        (
            "".join(f"[secrets.s{n}]\nenv='S{n}'\n" for n in range(65)),
            "secrets: got 65, want at most 64 secrets",
        ),
    ],
)
def test_each_problem_names_the_key(text: str, want: str) -> None:
    """One line: what is wrong, and with what it collides."""
    (found,) = problems(text)
    assert found.startswith(f"Enarx.toml: {want}")
    assert "\n" not in found


def test_an_unknown_key_names_the_nearest() -> None:
    """Of the keys of a secret."""
    (problem,) = examine(b"[secrets.a]\nenv = 'A'\noptionl = true")[1]
    assert problem.path == "secrets.a.optionl"
    assert problem.hints == ("did you mean 'optional'?",)


def test_a_secret_may_stand_in_a_mounted_folder_and_among_the_others() -> None:
    """Below a mount, beside another secret, and in /run/secrets."""
    text = """
mounts = [{path = "/"}, {path = "/etc"}]
[secrets]
a = {file = "/etc/a"}
ab = {file = "/etc/ab"}
b = {file = "/run/secrets/b"}
c = {env = "A"}
"""
    assert problems(text) == []
