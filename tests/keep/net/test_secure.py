"""Settings of ``[tls]`` become contexts: files of the package, nothing secret in a message."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from enarx.errors import MisconfiguredError
from enarx.keep.secure import Secure
from enarx.keep.vfs.package import package_tree
from enarx.package import tar
from enarx.package.model import Config, Tls

if TYPE_CHECKING:
    from enarx.keep.vfs.memory import MemoryDirectory

BASE64_KEY = "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg"


def package(**files: bytes) -> MemoryDirectory:
    """A package with *files*."""
    members = [tar.Member(path=name, kind=tar.FILE, data=data) for name, data in files.items()]
    return package_tree(tar.write(members))


def secure(tls: Tls, files: MemoryDirectory | None = None) -> Secure:
    """TLS as *tls* says it."""
    return Secure(Config(tls=tls), files, "Enarx.toml", lambda _peer, _error: None)


@pytest.mark.parametrize("key", ["certificate", "private_key"])
def test_a_file_that_is_not_there_is_not_named(key: str) -> None:
    """Whoever wrote a key where its path belongs does not find it in a log."""
    given = {"certificate": "cert", "private_key": "key"} | {key: BASE64_KEY}
    made = secure(Tls(**given), package(cert=b"x", key=b"x"))  # type: ignore[arg-type]
    with pytest.raises(MisconfiguredError, match="no such file") as refusal:
        made._settings("web")
    assert refusal.value.path == f"tls.{key}"
    assert BASE64_KEY not in repr(refusal.value) + str(refusal.value) + str(refusal.value.hints)


def test_a_file_that_is_too_large_is_refused() -> None:
    """A bundle is never cut off in silence: what is missing at its end would not be trusted."""
    made = secure(Tls(trust_anchors=("all.pem",)), package(**{"all.pem": bytes((4 << 20) + 1)}))
    with pytest.raises(MisconfiguredError, match="too large") as refusal:
        made._settings("web")
    assert refusal.value.path == "tls.trust_anchors[0]"


def test_an_anchor_may_be_written_inline() -> None:
    """PEM text stands for itself."""
    pem = "-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----\n"
    assert secure(Tls(trust_anchors=(pem,)))._settings("web").trust_anchors == (pem.encode(),)
