"""A client of HTTPS on the connection that the keep opens as descriptor 3.

It is the fourth of the [[files]] in Enarx.toml.  TLS begins in the keep, which checks the server:
the program speaks plain HTTP.
"""

import socket
import sys
from http import HTTPStatus
from http.client import HTTPConnection

SERVER = 3


class Connection(HTTPConnection):
    """The standard library's client, on a socket that is open already."""

    def connect(self) -> None:
        """Take the socket."""
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM, fileno=SERVER)


connection = Connection("example.com")
connection.request("GET", "/", headers={"Connection": "close"})
response = connection.getresponse()
if response.status != HTTPStatus.OK:
    sys.exit(f"no: {response.status} {response.reason}")
sys.stdout.buffer.write(response.read())
