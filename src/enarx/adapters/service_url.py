"""Addresses of services that an operator may name: which are allowed, and in which form."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from enarx.errors import MisconfiguredError

if TYPE_CHECKING:
    from urllib.parse import SplitResult

LOOPBACK_NAMES = ("localhost", "127.0.0.1", "[::1]")


def base_of(url: str, source: str, *, suffixes: tuple[str, ...] = ()) -> str:
    """*url* as the beginning of requests' URLs, without a slash at its end.

    Args:
        source: the flag or variable that it came from.
        suffixes: paths that people copy along with it, which are taken off.

    Raises:
        MisconfiguredError: it is no URL, not https (http is for this machine only), holds a user's
            name or password, or a query.
    """
    parts = _parts(url, source)
    if parts.query or parts.fragment:
        hint = "give only the beginning, such as https://mirror.example"
        raise MisconfiguredError(source, "has a query or a fragment", hints=(hint,))
    base = url.rstrip("/")
    for suffix in suffixes:
        base = base.removesuffix(suffix)
    return base.rstrip("/")


def host_of(url: str, source: str) -> str:
    """Host and port of *url*, as messages call the server; raises like ``base_of``."""
    return _parts(url, source).netloc


def is_loopback(host: str) -> bool:
    """Whether *host*, without port, is this machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _parts(url: str, source: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError as e:
        raise MisconfiguredError(source, f"is not a URL ({e})") from e
    if not host or not url.isascii() or not url.isprintable() or " " in url:
        hint = "write it like https://mirror.example"
        raise MisconfiguredError(source, "is not a URL", hints=(hint,))
    if parts.username is not None or parts.password is not None:
        raise MisconfiguredError(source, "holds a user name or a password, which is not supported")
    if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(host)):
        hint = "put TLS before the service; a private authority is given with --ca-file"
        problem = f"got {parts.scheme or 'no scheme'}, want https (http only to this machine)"
        raise MisconfiguredError(source, problem, hints=(hint,))
    return parts
