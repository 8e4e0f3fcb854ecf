"""Contexts, tokens, the owner's key and deployments: the user's own files, whole or not there."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from enarx.adapters import contexts, deployments, owner_key
from enarx.adapters.contexts import Context, Contexts, read_token, with_context
from enarx.adapters.deployments import Deployment
from enarx.errors import MisconfiguredError

CONTEXT = Context(
    url="https://host.example:9180",
    token_file='/a "b"/token',  # noqa: S106 - where one would be
    policy="p.toml",
    insecure_accept_simulated=True,
)
DEPLOYMENT = Deployment(
    keep="k1", url="https://h", name="app", platform="snp", workload_digest="sha256:" + "0" * 64,
    channel_spki="00", policy="", receipt="{}", deployed="2026-01-01T00:00:00Z",
)  # fmt: skip


def mode(path: Path) -> int:
    """The rights of a file."""
    return stat.S_IMODE(path.stat().st_mode)


def test_contexts_come_out_as_they_went_in(tmp_path: Path) -> None:
    """In a file that only the user can read; the first one is current."""
    folder = tmp_path / "new" / "enarx"
    assert contexts.load(str(folder)) == Contexts(current="", by_name={})
    known = with_context(Contexts(current="", by_name={}), "a.b-c", CONTEXT)
    known = with_context(known, "other", Context(url="http://127.0.0.1:1"))
    assert known.current == "a.b-c"
    contexts.save(str(folder), known)
    assert contexts.load(str(folder)) == known
    assert mode(folder / "contexts.toml") == 0o600
    assert [path.name for path in folder.iterdir()] == ["contexts.toml"]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("current = ", "is not TOML"),
        ("x = 1", "want current"),
        ("current = 1", "want current"),
        ("contexts = 1", "want current"),
        ("[contexts]\na = 1", r"contexts\.a: want a table"),
        ("[contexts.a]\nurl = 1", r"contexts\.a\.url: got int, want str"),
        ("[contexts.a]\ninsecure_accept_simulated = 1", "got int, want bool"),
        ("[contexts.a]\ntoken = 'x'", r"contexts\.a\.token: unknown key"),
    ],
)
def test_a_wrong_file_says_where(tmp_path: Path, text: str, problem: str) -> None:
    """Which key, what it is and what it should be."""
    path = tmp_path / "contexts.toml"
    path.write_text(text)
    path.chmod(0o600)
    with pytest.raises(MisconfiguredError, match=problem):
        contexts.load(str(tmp_path))


def test_a_file_that_others_can_read_is_refused(tmp_path: Path) -> None:
    """It says where tokens are, and others could have written it."""
    path = tmp_path / "contexts.toml"
    path.write_text("")
    path.chmod(0o644)
    with pytest.raises(MisconfiguredError) as caught:
        contexts.load(str(tmp_path))
    assert f"chmod 600 {path}" in caught.value.hints[0]
    path.write_bytes(b"x" * 300_000)
    path.chmod(0o600)
    with pytest.raises(MisconfiguredError, match="too long"):
        contexts.load(str(tmp_path))


@pytest.mark.parametrize("name", ["", "a b", "ä", "x" * 65, 'a"b'])
def test_names_are_easy_to_type(name: str) -> None:
    """Letters, digits, dots, hyphens and underscores."""
    with pytest.raises(MisconfiguredError, match="got the name"):
        with_context(Contexts(current="", by_name={}), name, CONTEXT)


def test_a_token_is_one_word_in_a_private_file(tmp_path: Path) -> None:
    """Others' rights, an empty file and a sentence are refused; it is shown nowhere."""
    path = tmp_path / "token"
    path.write_text("enx_1_secret\n")
    path.chmod(0o600)
    assert read_token(str(path)) == "enx_1_secret"
    path.chmod(0o640)
    with pytest.raises(MisconfiguredError, match="not the user's alone") as caught:
        read_token(str(path))
    assert "secret" not in str(caught.value)
    path.chmod(0o600)
    for text in ("", "two words", "\x1b[2J", "ä"):
        path.write_text(text)
        with pytest.raises(MisconfiguredError, match="holds no token"):
            read_token(str(path))
    with pytest.raises(MisconfiguredError, match="no such file"):
        read_token(str(tmp_path / "nothing"))


def test_the_owners_key_is_made_once(tmp_path: Path) -> None:
    """For this user alone; damage is named with what it costs to remove it."""
    folder = tmp_path / "owner"

    def public() -> bytes:
        key = owner_key.load(str(folder)).public_key()
        return key.public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )

    assert public() == public()
    assert mode(folder) == 0o700
    path = folder / "owner.pem"
    assert mode(path) == 0o600
    other = ec.generate_private_key(ec.SECP384R1()).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    for data in (b"junk", other):
        path.write_bytes(data)
        with pytest.raises(MisconfiguredError, match=r"is no private key of P-256") as caught:
            public()
        assert f"remove {path}" in caught.value.hints[0]
    path.chmod(0o644)
    with pytest.raises(MisconfiguredError, match="alone"):
        public()


def test_deployments_come_out_as_they_went_in(tmp_path: Path) -> None:
    """And are gone when they were forgotten."""
    folder = str(tmp_path / "deployments")
    path = deployments.save(folder, DEPLOYMENT)
    assert mode(Path(path)) == 0o600
    assert deployments.load(folder, "k1") == DEPLOYMENT
    deployments.forget(folder, "k1")
    deployments.forget(str(tmp_path / "nowhere"), "k1")
    with pytest.raises(MisconfiguredError, match="k1: was not deployed from here"):
        deployments.load(folder, "k1")


@pytest.mark.parametrize("keep", ["", "../x", "a/b", "x" * 129, "a.b"])
def test_a_host_cannot_name_a_keep_like_a_path(tmp_path: Path, keep: str) -> None:
    """Attack: an id that leads out of the folder."""
    with pytest.raises(MisconfiguredError, match="no keep's name"):
        deployments.load(str(tmp_path), keep)


def test_a_damaged_deployment_is_named(tmp_path: Path) -> None:
    """By its path."""
    path = deployments.save(str(tmp_path / "d"), DEPLOYMENT)
    Path(path).write_text("{}")
    with pytest.raises(MisconfiguredError, match="is damaged"):
        deployments.load(str(tmp_path / "d"), "k1")


def test_folders_follow_the_environment(tmp_path: Path) -> None:
    """XDG's variables, or the home directory."""
    home = {"HOME": str(tmp_path)}
    assert contexts.default_directory(home) == str(tmp_path / ".config/enarx")
    assert owner_key.default_directory(home) == str(tmp_path / ".local/share/enarx/owner")
    where = deployments.default_directory({"XDG_STATE_HOME": "/s", **home})
    assert where == "/s/enarx/deployments"
