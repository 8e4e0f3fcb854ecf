"""Enarx.toml: 0.7's schema exactly, the tables that were added, and errors that name the key."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enarx.errors import MisconfiguredError
from enarx.package.config import examine, parse
from enarx.package.model import (
    Config,
    File,
    Mount,
    Tls,
    application_arguments,
    application_environment,
    default_config,
)
from enarx.package.template import TEMPLATE

DOCUMENTED = b"""
[[files]]
kind = "null"
[[files]]
kind = "stdout"
[[files]]
kind = "stderr"
[[files]]
name = "listen"
kind = "listen"
prot = "tls"
port = 12345
[[files]]
name = "connect"
kind = "connect"
prot = "tcp"
host = "127.0.0.1"
port = 23456
"""


def problems(text: str) -> list[str]:
    """Every problem of *text*, as a user reads it."""
    return [str(problem) for problem in examine(text.encode())[1]]


def test_no_file_means_the_three_streams() -> None:
    """Without an Enarx.toml the descriptors are stdin, stdout, stderr."""
    assert [file.kind for file in default_config().files] == ["stdin", "stdout", "stderr"]


def test_a_file_without_files_means_none() -> None:
    """An Enarx.toml without `files` opens nothing: FD_COUNT=0 and an empty FD_NAMES."""
    assert application_environment(parse(b"")) == [("FD_COUNT", "0"), ("FD_NAMES", "")]


def test_the_documented_example() -> None:
    """0.7's documented example has its documented FD_COUNT and FD_NAMES."""
    environment = dict(application_environment(parse(DOCUMENTED)))
    assert environment["FD_COUNT"] == "5"
    assert environment["FD_NAMES"] == "null:stdout:stderr:listen:connect"


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ('kind="null"', File(kind="null", name="null")),
        ('kind="stdin"\nname="in"', File(kind="stdin", name="in")),
        ('kind="stdout"\nname=""', File(kind="stdout", name="")),
        (
            'kind="listen"\nname="l"',
            File(kind="listen", name="l", prot="tls", addr="::", port=443),
        ),
        (
            'kind="listen"\nname="l"\nprot="tcp"\naddr="0.0.0.0"',
            File(kind="listen", name="l", prot="tcp", addr="0.0.0.0", port=80),
        ),
        (
            'kind="connect"\nhost="h"\nprot="tls"',
            File(kind="connect", name="h", prot="tls", host="h", port=443),
        ),
        (
            'kind="connect"\nhost="h"\nname="n"\nprot="tcp"\nport=0',
            File(kind="connect", name="n", prot="tcp", host="h", port=0),
        ),
    ],
)
def test_files_and_their_defaults(text: str, want: File) -> None:
    """Names, protocols, addresses and ports default as in 0.7; a missing prot means tls."""
    assert parse(f"[[files]]\n{text}".encode()).files == (want,)


def test_names_may_be_empty_and_come_twice() -> None:
    """0.7 accepts duplicate and empty names, and so do we."""
    text = b'files = [{kind="stdin", name=""}, {kind="stdout", name=""}]'
    assert dict(application_environment(parse(text)))["FD_NAMES"] == ":"


def test_environment_comes_after_fd_names() -> None:
    """[env] follows FD_COUNT and FD_NAMES even if it has their names; extras replace it."""
    config = parse(b'[env]\nFD_COUNT="9"\nA="1"\nB="2"')
    assert application_environment(config, [("A", "3")]) == [
        ("FD_COUNT", "0"),
        ("FD_NAMES", ""),
        ("FD_COUNT", "9"),
        ("B", "2"),
        ("A", "3"),
    ]


def test_arguments_follow_main_wasm() -> None:
    """argv[0] is main.wasm, then args, then the command line's."""
    assert application_arguments(parse(b'args=["a"]'), ["b"]) == ["main.wasm", "a", "b"]


def test_mounts() -> None:
    """A mount is of the package unless it says scratch; scratch has 64 MiB unless it says more."""
    text = b"""
mounts = [{path="/", from="www"}, {path="/scratch", source="scratch"},
          {path="/big", source="scratch", size="1GiB"}]
"""
    assert parse(text).mounts == (
        Mount(path="/", source="package", folder="www"),
        Mount(path="/scratch", source="scratch", size_bytes=64 << 20),
        Mount(path="/big", source="scratch", size_bytes=1 << 30),
    )


def test_limits() -> None:
    """Limits are bytes and seconds, as numbers or with units."""
    limits = parse(b'limits = {memory="256MiB", wall_time="1.5m", fuel=7, open_files=64}').limits
    assert (limits.memory_bytes, limits.wall_time_s) == (256 << 20, 90.0)
    assert (limits.fuel, limits.open_files) == (7, 64)
    assert parse(b"limits = {memory=65536, wall_time=0.25}").limits.wall_time_s == 0.25


def test_the_text_of_a_configuration_hides_what_may_be_secret() -> None:
    """Values of variables, and where a key belongs, are in no trace that shows the record."""
    config = Config(env=(("TOKEN", "hunter2"),), tls=Tls(certificate="c", private_key="hunter2"))
    assert "hunter2" not in repr(config)
    assert "certificate='c'" in repr(config)


def test_tls_of_a_socket_replaces_the_general_one() -> None:
    """[tls.socket.NAME] replaces single keys of [tls] for that socket only."""
    config = parse(b"""
files = [{kind="listen", name="a"}, {kind="listen", name="b"}]
[tls]
alpn = ["h2"]
handshake_timeout = "3s"
[tls.socket.b]
alpn = ["http/1.1"]
""")
    assert config.tls_for("a").alpn == ("h2",)
    assert config.tls_for("b").alpn == ("http/1.1",)
    assert config.tls_for("b").handshake_timeout_s == 3.0
    assert config.tls.trust_anchors == ("mozilla",)


def test_tls_of_the_steward_needs_a_steward() -> None:
    """[tls.socket.steward] is for the Steward, and a mistake where there is none."""
    table = b"[tls.socket.steward]\ntrust_anchors = ['ca.pem']"
    config = parse(b"steward = 'https://a.example'\n" + table)
    assert config.tls_for("steward").trust_anchors == ("ca.pem",)
    with pytest.raises(MisconfiguredError, match="no tls socket in"):
        parse(table)


def test_the_template_parses_as_it_is() -> None:
    """What `config init` writes means the three streams."""
    assert parse(TEMPLATE.encode()) == default_config()


def test_the_uncommented_template_parses() -> None:
    """Every commented line of the template is valid too, all of them together."""
    config = parse(TEMPLATE.replace("\n# ", "\n").encode())
    assert [file.name for file in config.files] == ["stdin", "stdout", "stderr", "listen", "stream"]
    assert config.files[3].port == 12345
    assert config.files[4].host == "localhost"
    assert len(config.mounts) == 2
    assert config.tls_for("listen").client_auth == "require"


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ("argz=[]", "Enarx.toml: argz: unknown key"),
        ("args='a'", 'Enarx.toml: args: got "a", want an array'),
        ("args=[1]", "Enarx.toml: args[0]: got the integer 1, want a string without NUL"),
        ("steward='ftp://x'", 'Enarx.toml: steward: got "ftp://x", want an https URL'),
        (
            "steward='http://x'",
            'Enarx.toml: steward: refusing to use an unencrypted steward url (got "http://x")',
        ),
        ("files=[{kind='stdin',port=1}]", "Enarx.toml: files[0].port: unknown key"),
        ("files=[{kind='listen'}]", "Enarx.toml: files[0].name: is missing"),
        ("files=[{kind='connect'}]", "Enarx.toml: files[0].host: is missing"),
        (
            "files=[{kind='stdin',name='a:b'}]",
            "Enarx.toml: files[0].name: file name must not contain ':' (got \"a:b\")",
        ),
        (
            "files=[{kind='connect',host='h',port=65536}]",
            "Enarx.toml: files[0].port: got the integer 65536, want an integer from 0 to 65535",
        ),
        (
            "files=[{kind='connect',host='h',port=true}]",
            "Enarx.toml: files[0].port: got a boolean, want an integer from 0 to 65535",
        ),
        ("files={kind='stdin'}", "Enarx.toml: files: got a table, want an array"),
        ("env={A=1}", "Enarx.toml: env.A: got a number or date, want a string without NUL"),
        (
            "mounts=[{path='data'}]",
            (
                'Enarx.toml: mounts[0].path: got "data", want an absolute path'
                " without '.', '..' or a slash at its end"
            ),
        ),
        (
            "mounts=[{path='/a',source='scratch',from='x'}]",
            "Enarx.toml: mounts[0].from: unknown key",
        ),
        (
            "mounts=[{path='/a'},{path='/a'}]",
            'Enarx.toml: mounts[1].path: "/a" is mounted twice',
        ),
        (
            "limits={memory='64MB'}",
            (
                'Enarx.toml: limits.memory: got "64MB", want bytes,'
                ' or a string with a unit such as "64MiB"'
            ),
        ),
        ("limits={memory=1}", "Enarx.toml: limits.memory: got 1 bytes, want 65536 to"),
        (
            "limits={wall_time=nan}",
            (
                "Enarx.toml: limits.wall_time: got the number nan, want seconds,"
                ' or a string with a unit such as "30s"'
            ),
        ),
        ("network={connect=['x']}", 'Enarx.toml: network.connect[0]: got "x", want host:port'),
        ("tls={certificate='c.pem'}", "Enarx.toml: tls.private_key: is missing, and certificate"),
        ("tls={server_name='*.a.example'}", 'Enarx.toml: tls.server_name: got "*.a.example", want'),
        ("tls={server_names=['a.*']}", 'Enarx.toml: tls.server_names[0]: got "a.*", want a host'),
        (
            "tls={certificate='c',private_key='-----BEGIN PRIVATE KEY-----'}",
            "Enarx.toml: tls.private_key: got another string, want a path in the package",
        ),
        (
            "tls={client_auth='require'}",
            "Enarx.toml: tls.client_trust_anchors: is missing, and client_auth",
        ),
        ("tls={socket={web={}}}", "Enarx.toml: tls.socket.web: no tls socket in [[files]]"),
        ('"a b"=1', 'Enarx.toml: "a b": unknown key'),
        ("a=", "Enarx.toml: not TOML: line 1, at the end: invalid value"),
        ("x" * 1_000_001, "Enarx.toml: too large (got 1000001 bytes, want at most 1000000)"),
    ],
)
def test_each_problem_names_file_key_got_and_want(text: str, want: str) -> None:
    """A problem is one line: file, key path, what was found and what was wanted."""
    found = problems(text)
    assert len(found) == 1
    assert found[0].startswith(want)
    assert "\n" not in found[0]


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("argz=[]", "did you mean 'args'?"),
        ("files=[{kind='lisen',name='x'}]", "did you mean 'listen'?"),
        ("files=[{kin='stdin'}]", "'kin' looks like it"),
        ("limits={memory='64MB'}", 'did you mean "64MiB"?'),
        ("mounts={path='/x'}", "write [[mounts]] instead of [mounts]"),
    ],
)
def test_hints_name_the_nearest(text: str, hint: str) -> None:
    """A mistyped key, kind or unit gets the nearest known one as a hint."""
    (problem,) = examine(text.encode())[1]
    assert problem.hints == (hint,)


def test_all_problems_are_found_and_the_first_raised() -> None:
    """`parse` raises the first problem and says how many more there are."""
    with pytest.raises(MisconfiguredError) as caught:
        parse(b"a=1\nb=2", "app.toml")
    assert caught.value.path == "a"
    assert caught.value.hints[-1] == "1 more: enarx config check app.toml"


def test_secrets_are_not_shown() -> None:
    """Values of [env] and the path of a private key never appear in a problem."""
    text = 'env = {TOKEN = "hunter2\\u0000"}\n[tls]\ncertificate="c"\nprivate_key="/hunter2"'
    found = problems(text)
    assert len(found) == 2
    assert "hunter2" not in "".join(found)


def test_values_cannot_be_changed() -> None:
    """A configuration is immutable, and equal to another with the same contents."""
    config = parse(DOCUMENTED)
    with pytest.raises(AttributeError, match="cannot be assigned"):
        config.args = ()
    with pytest.raises(AttributeError, match="cannot be deleted"):
        del config.files[0].name
    assert config == parse(DOCUMENTED)
    assert hash(config) == hash(parse(DOCUMENTED))
    assert config != Config()


@given(st.binary(max_size=200))
def test_junk_raises_only_our_error(junk: bytes) -> None:
    """Whatever the bytes: a configuration or MisconfiguredError, nothing else."""
    try:
        parse(junk)
    except MisconfiguredError as e:
        assert "\n" not in str(e)  # noqa: PT017 - the error is the subject
