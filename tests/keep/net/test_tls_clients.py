"""Client certificates: who gets in, and what those hear who do not."""

from __future__ import annotations

import ssl
import time
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from concurrent.futures import Future

    from tests.keep.net.conftest import Authority, Issued, World


class TestClientAuthentication:
    """``client_auth`` and ``client_trust_anchors``."""

    def attempt(
        self, world: World, authority: Authority, auth: str, issued: Issued | None = None
    ) -> Future[bytes]:
        """What a client hears: its own address, or the TLS error."""
        listener, port = world.listen_tls(client_auth=auth, client_trust_anchors=[authority.pem])
        context = world.client_context()
        if issued is not None:
            context.load_cert_chain(*issued.files(world.folder, "client"))

        def client() -> object:
            with world.tls_client(port, "localhost", context) as tls:
                return tls.recv(10)

        future = world.outside(client)
        deadline = time.monotonic() + world.patience_s
        while not future.done() and time.monotonic() < deadline:
            if listener.ready():
                stream = listener.accept()
                stream.send_blocking(memoryview(b"welcome"))
                stream.close()
            world.background.wait((), time.monotonic() + 0.01)
        return future

    @pytest.mark.parametrize("auth", ["request", "require"])
    def test_a_certified_client_is_welcome(
        self, world: World, authority: Authority, auth: str
    ) -> None:
        """A client of the configured authority gets in."""
        issued = authority.issue("client.example", client=True)
        assert self.attempt(world, authority, auth, issued).result() == b"welcome"

    def test_request_lets_a_client_without_certificate_in(
        self, world: World, authority: Authority
    ) -> None:
        """``request`` asks and does not insist."""
        assert self.attempt(world, authority, "request").result() == b"welcome"

    def test_require_refuses_a_client_without_certificate(
        self, world: World, authority: Authority
    ) -> None:
        """``require`` insists, and says so."""
        future = self.attempt(world, authority, "require")
        with pytest.raises(ssl.SSLError, match=r"(?i)certificate.required"):
            future.result()
        assert "no client certificate" in str(world.refused[0][1])

    @pytest.mark.parametrize("auth", ["request", "require"])
    def test_a_client_of_another_authority_is_refused(
        self, world: World, authority: Authority, new_authority: type[Authority], auth: str
    ) -> None:
        """Only the configured authority counts, also where a certificate is optional."""
        issued = new_authority("Other CA").issue("client.example", client=True)
        future = self.attempt(world, authority, auth, issued)
        with pytest.raises(ssl.SSLError, match=r"(?i)unknown.ca"):
            future.result()
        assert "trust anchors" in str(world.refused[0][1])

    def test_an_expired_client_is_refused(self, world: World, authority: Authority) -> None:
        """The keep's clock decides, and the message says when it expired."""
        issued = authority.issue("client.example", client=True, end=-timedelta(minutes=1))
        future = self.attempt(world, authority, "require", issued)
        with pytest.raises(ssl.SSLError, match=r"(?i)expired"):
            future.result()
        assert "has expired (valid from" in str(world.refused[0][1])

    def test_a_server_certificate_is_no_client_certificate(
        self, world: World, authority: Authority
    ) -> None:
        """Extended key usage is honoured."""
        issued = authority.issue("client.example", client=False)
        future = self.attempt(world, authority, "require", issued)
        with pytest.raises(ssl.SSLError):
            future.result()
        assert "purpose" in str(world.refused[0][1])
