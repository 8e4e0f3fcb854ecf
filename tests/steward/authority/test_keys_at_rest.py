"""Keys at rest: only the secret they were made with opens them, and no change goes unseen."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
)
from hypothesis import given
from hypothesis import strategies as st

from enarx.errors import MalformedError, MisconfiguredError
from enarx.steward.authority import state as states
from enarx.steward.authority.authority import Authority, load
from enarx.steward.authority.keys import file_of
from enarx.steward.authority.making import initialise, rotate
from enarx.steward.authority.opener import PASSPHRASE_FILE, Opener, opener_from_files
from enarx.steward.authority.wrapping import Passphrase, SealingKey, Wrapping

WRAPPINGS: list[Callable[[bytes], Wrapping]] = [
    Passphrase,
    SealingKey,
]
RIGHT, WRONG = b"R" * 32, b"W" * 32


@pytest.mark.parametrize("wrapping", WRAPPINGS)
def test_another_secret_opens_nothing(
    wrapping: Callable[[bytes], Wrapping], state: str, now: datetime
) -> None:
    """The refusal names the file and what to give."""
    initialise(state, Opener(wrapping(RIGHT)), now=now)
    load(state, Opener(wrapping(RIGHT)))
    with pytest.raises(MisconfiguredError, match="cannot be opened with this") as caught:
        load(state, Opener(wrapping(WRONG)))
    assert "that it was made with" in caught.value.hints[0]


@pytest.mark.parametrize("wrapping", WRAPPINGS)
def test_no_key_lies_in_the_clear(
    wrapping: Callable[[bytes], Wrapping], state: str, now: datetime
) -> None:
    """No file of the directory holds the octets of a private key."""
    made = initialise(state, Opener(wrapping(RIGHT)), now=now)
    secret = made.log_key.private_bytes_raw()
    number = made.result_key.private_numbers().private_value.to_bytes(48, "big")
    for file in Path(state).iterdir():
        data = file.read_bytes()
        assert secret not in data
        assert number not in data


@pytest.mark.parametrize("wrapping", WRAPPINGS)
def test_a_changed_file_is_never_used(
    wrapping: Callable[[bytes], Wrapping], state: str, now: datetime
) -> None:
    """Whichever octet of a key's file is changed, the authority does not open."""
    opener = Opener(wrapping(RIGHT))
    made = initialise(state, opener, now=now)
    file = Path(state) / file_of(made.state.log)
    whole = file.read_bytes()
    for at in range(30, len(whole) - 30, 23):
        changed = bytes((whole[at] ^ 1,)) if whole[at] != ord("\n") else b"A"
        file.write_bytes(whole[:at] + changed + whole[at + 1 :])
        with pytest.raises(MisconfiguredError):
            load(state, opener)
    for cut in (0, 1, 21, len(whole) // 2):
        file.write_bytes(whole[:cut])
        with pytest.raises(MisconfiguredError):
            load(state, opener)
    file.write_bytes(whole)
    assert load(state, opener).chain == made.chain


@pytest.mark.parametrize("wrapping", WRAPPINGS)
def test_a_file_under_another_name_is_not_taken(
    wrapping: Callable[[bytes], Wrapping], state: str, now: datetime
) -> None:
    """Whoever may write the directory cannot make the log's key sign for the secrets' one."""
    opener = Opener(wrapping(RIGHT))
    made = initialise(state, opener, now=now)
    other = Path(state) / file_of(made.state.secrets)
    other.write_bytes((Path(state) / file_of(made.state.log)).read_bytes())
    with pytest.raises(MisconfiguredError):
        load(state, opener)


def test_a_key_of_the_attacker_is_not_taken(
    authority: Authority, state: str, opener: Opener
) -> None:
    """Even one that is encrypted under the right passphrase: its identifier is another."""
    secret = (Path(state) / PASSPHRASE_FILE).read_bytes().strip()
    pem = ed25519.Ed25519PrivateKey.generate().private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(secret)
    )
    (Path(state) / file_of(authority.state.log)).write_bytes(pem)
    with pytest.raises(MisconfiguredError, match="holds another key than it must"):
        load(state, opener)


def test_openssl_opens_a_key_with_the_passphrase(authority: Authority, state: str) -> None:
    """A file is PKCS#8 with PBES2 and scrypt: what was lost with this program is not lost."""
    file = Path(state) / file_of(authority.state.intermediates[0].key)
    passphrase = f"file:{state}/{PASSPHRASE_FILE}"
    done = subprocess.run(
        ["openssl", "pkey", "-in", file, "-passin", passphrase, "-noout", "-text"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert "NIST CURVE: P-256" in done.stdout
    shown = subprocess.run(
        ["openssl", "asn1parse", "-in", file], capture_output=True, text=True, check=True
    ).stdout
    assert ":scrypt" in shown
    assert ":aes-256-cbc" in shown


@pytest.mark.parametrize("name", ["", PASSPHRASE_FILE, states.FILE])
def test_what_others_can_read_is_refused(name: str, authority: Authority, state: str) -> None:
    """Directory, passphrase and state: the hint is the command that makes them private."""
    path = Path(state) / name
    path.chmod(0o755 if name == "" else 0o640)
    with pytest.raises(MisconfiguredError, match="others have rights") as caught:
        load(state, opener_from_files(state))
    assert caught.value.hints[0].startswith("only you may have access to it: chmod ")
    assert authority.trust_domain == "enarx.local"


@pytest.mark.parametrize("secret", [b"", b"short", b"x" * 1001])
def test_a_passphrase_has_a_length(secret: bytes) -> None:
    """One that is guessed in no time, or is no passphrase at all, is refused."""
    with pytest.raises(MisconfiguredError, match="12 to 1000"):
        Passphrase(secret)


def test_secrets_are_not_shown() -> None:
    """What a log or a traceback prints of them has none of them."""
    for shown in (
        repr(Passphrase(RIGHT)),
        repr(SealingKey(RIGHT)),
        repr(Opener(SealingKey(RIGHT))),
    ):
        assert "RRR" not in shown


@given(st.binary(max_size=200))
def test_a_sealed_file_of_any_content_is_refused(data: bytes) -> None:
    """Whatever lies there, the refusal is ours."""
    for wrapping in (SealingKey(RIGHT), Passphrase(RIGHT)):
        with pytest.raises(MisconfiguredError):
            wrapping.unwrap("authority-0.key", data)
    with pytest.raises(MisconfiguredError):
        SealingKey(RIGHT).unwrap("authority-0.key", b"enarx-sealed-key-v1\n" + data)


def test_what_is_sealed_under_one_name_opens_under_it_only() -> None:
    """The name is bound in, so files cannot be exchanged."""
    sealing = SealingKey(RIGHT)
    wrapped = sealing.wrap("a.key", b"key")
    assert sealing.unwrap("a.key", wrapped) == b"key"
    with pytest.raises(MisconfiguredError):
        sealing.unwrap("b.key", wrapped)


def test_the_state_is_read_as_it_is_written_and_no_other_way(authority: Authority) -> None:
    """A blank, another order, or an unknown key: whatever is not ours is refused."""
    data = states.encode(authority.state)
    assert states.decode(data, "state") == authority.state
    for changed in (
        data + b"\n",
        data.replace(b":", b": ", 1),
        data.replace(b'{"version":1,', b'{"version":1,"more":1,'),
        data.replace(b'"version":1', b'"version":2'),
        data.replace(b'"passphrase"', b'"none"'),
        data[: len(data) // 2],
        b"",
    ):
        with pytest.raises(MalformedError):
            states.decode(changed, "state")


def test_a_certificate_of_another_key_is_refused(
    authority: Authority, state: str, opener: Opener
) -> None:
    """A state whose certificate does not belong to the key it names is damaged."""
    root, below = (authority.state.roots[0], authority.state.intermediates[0])
    file = Path(state) / states.FILE
    text = file.read_text()
    one, other = (states.text.to_base64(der) for der in (below.certificate, root.certificate))
    file.write_text(text.replace(one, other))
    with pytest.raises(MisconfiguredError, match="certificate of another key"):
        load(state, opener)


def test_a_second_change_at_the_same_time_is_refused(
    authority: Authority, state: str, opener: Opener, now: datetime
) -> None:
    """While one process changes the directory, another is told to wait; reading goes on."""
    from enarx.errors import UnavailableError
    from enarx.steward.authority.directory import PrivateDirectory

    with PrivateDirectory(state).locked():
        with pytest.raises(UnavailableError, match="is being changed"):
            rotate(state, opener, now=now)
        assert load(state, opener).chain == authority.chain
    rotate(state, opener, now=now)


def test_leftovers_are_removed_and_files_of_others_are_not(
    authority: Authority, state: str, opener: Opener, now: datetime
) -> None:
    """A key that no state lists goes with the next change; what is not ours stays."""
    stray = Path(state) / file_of("0" * 64)
    partial = Path(state) / f"{states.FILE}.00.partial"
    foreign = Path(state) / "tls.key"
    for file in (stray, partial, foreign):
        file.touch(mode=0o600)
    rotate(state, opener, now=now)
    assert not stray.exists()
    assert not partial.exists()
    assert foreign.exists()
    assert authority.reloaded().roots == authority.roots
