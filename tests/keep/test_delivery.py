"""The application's secrets become files and variables, or a clear refusal without a value."""

from __future__ import annotations

import pytest

from enarx.errors import MisconfiguredError
from enarx.keep.delivery import Delivery, deliver
from enarx.package.config import parse
from enarx.package.model import Config

CONFIG = parse(b"""
steward = "https://a.example"
[secrets]
key = {file = "/etc/key"}
token = {env = "TOKEN"}
"ca.pem" = {file = "/run/secrets/ca", from = "steward"}
password = {env = "PASSWORD", from = "steward"}
spare = {env = "SPARE", optional = true}
cache = {file = "/cache", from = "steward", optional = true}
""")
GIVEN = {"key": b"\xff\x00k", "token": "t\u00f6".encode()}
FETCHED = {"ca.pem": b"c", "password": b""}


def delivered(
    given: dict[str, bytes], fetched: dict[str, bytes], config: Config = CONFIG
) -> Delivery:
    """What `deliver` makes."""
    return deliver(config, given, fetched, variables={"HOME"}, source="app.toml")


def test_each_secret_goes_where_the_configuration_says() -> None:
    """Files as they are, variables as text; what is optional may be missing."""
    made = delivered(GIVEN, FETCHED)
    assert made.files == {"/etc/key": b"\xff\x00k", "/run/secrets/ca": b"c"}
    assert made.environment == [("TOKEN", "t\u00f6"), ("PASSWORD", "")]
    assert made.unnamed == {}


def test_what_is_optional_is_delivered_if_it_is_there() -> None:
    """From either side."""
    made = delivered({**GIVEN, "spare": b"s"}, {**FETCHED, "cache": b"c"})
    assert ("SPARE", "s") in made.environment
    assert made.files["/cache"] == b"c"


def test_what_no_table_names_keeps_its_name() -> None:
    """Of the owner's secrets; of the steward's nobody asked for it."""
    made = delivered({**GIVEN, "Other": b"o"}, {**FETCHED, "more": b"m"})
    assert made.unnamed == {"Other": b"o"}
    assert "more" not in repr([made.files, made.environment])
    plain = delivered({"a": b"1"}, {}, Config())
    assert (plain.files, plain.environment, plain.unnamed) == ({}, [], {"a": b"1"})


@pytest.mark.parametrize(
    ("given", "fetched", "want"),
    [
        ({"token": b""}, FETCHED, "secrets.key: the owner gave none"),
        (GIVEN, {"password": b""}, 'secrets."ca.pem": the steward gave none'),
        (GIVEN, {**GIVEN, "password": b""}, 'secrets."ca.pem": the steward gave none'),
        ({**FETCHED, **GIVEN}, FETCHED, 'secrets."ca.pem": got one from the owner, want the'),
        ({**GIVEN, "cache": b""}, FETCHED, "secrets.cache: got one from the owner, want the"),
        ({"key": b""}, {**FETCHED, "token": b""}, "secrets.token: the owner gave none"),
        (
            {**GIVEN, "token": b"hunter2\xff"},
            FETCHED,
            "secrets.token: got bytes that are not UTF-8",
        ),
        (GIVEN, {**FETCHED, "password": b"hunter2\0"}, "secrets.password: got a NUL, which no"),
        (
            {**GIVEN, "ca": b"hunter2"},
            FETCHED,
            'secrets."ca.pem": another secret is called ca, and would be at /run/secrets/ca',
        ),
    ],
)
def test_a_refusal_names_the_secret_and_shows_no_value(
    given: dict[str, bytes], fetched: dict[str, bytes], want: str
) -> None:
    """What is missing, who should have given it, or why it is no variable."""
    with pytest.raises(MisconfiguredError) as caught:
        delivered(given, fetched)
    assert str(caught.value).startswith(f"app.toml: {want}")
    assert caught.value.hints
    assert "hunter2" not in f"{caught.value} {caught.value.hints} {caught.value.__cause__}"
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


def test_a_variable_is_given_once() -> None:
    """Either at the start or as a secret."""
    config = parse(b"[secrets.home]\nenv = 'HOME'")
    with pytest.raises(MisconfiguredError, match="HOME is also given at the start"):
        delivered({"home": b""}, {}, config)
