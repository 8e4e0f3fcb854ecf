"""The resources of the interfaces: what a guest's handles can stand for.

The engine tells types of resources apart by a number; it is the place in ``NAMES``.  One type
serves all versions of an interface that a component asks for.
"""

from __future__ import annotations

NAMES = (
    "error",
    "pollable",
    "input-stream",
    "output-stream",
    "terminal-input",
    "terminal-output",
    "descriptor",
    "directory-entry-stream",
    "network",
    "resolve-address-stream",
    "tcp-socket",
    "udp-socket",
    "incoming-datagram-stream",
    "outgoing-datagram-stream",
    "fields",
    "incoming-request",
    "outgoing-request",
    "request-options",
    "response-outparam",
    "incoming-response",
    "incoming-body",
    "future-trailers",
    "outgoing-response",
    "outgoing-body",
    "future-incoming-response",
)


class Resource:
    """Something a guest holds by a handle.

    Attributes:
        wit_name: the resource's name in its interface; subclasses of one resource share it.
    """

    wit_name = ""

    def close(self) -> None:
        """Called once, when the guest drops its handle."""
