"""An HTTP server on the listening socket that the keep opens as descriptor 3.

It is the fourth of the [[files]] in Enarx.toml.  TLS begins and ends in the keep: the program sees
plain HTTP.
"""

import errno
import socket
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, HTTPServer
from socketserver import BaseServer

SOCKET = 3


class Answer(BaseHTTPRequestHandler):
    """Answers one request."""

    answered = 0
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Greet, or count."""
        Answer.answered += 1
        if self.path == "/":
            self.reply(200, "hello from Python in a keep\n")
        elif self.path == "/count":
            self.reply(200, f"{Answer.answered}\n")
        else:
            self.reply(404, "there is only / and /count\n")

    def reply(self, status: int, body: str) -> None:
        """Send a whole answer."""
        data = body.encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(len(data)))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        """Say nothing: who asks for what is nobody's business."""


class Server(HTTPServer):
    """The standard library's server, on a socket that is open already."""

    def __init__(self) -> None:
        BaseServer.__init__(self, ("", SOCKET), Answer)  # HTTPServer's own would open a socket
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM, fileno=SOCKET)

    def get_request(self) -> tuple[socket.socket, object]:
        """Accept a connection; end when there can be no more."""
        try:
            return super().get_request()
        except OSError as error:
            if error.errno == errno.EMFILE:
                raise SystemExit("no descriptor is left: see [limits] open_files") from error
            raise

    def shutdown_request(self, request: socket.socket) -> None:
        """End a connection.

        This interpreter has its library inside itself, and numbers its files apart from the keep's
        sockets: ``close`` would end the file with the socket's number.  So a connection takes up
        its descriptor until the program ends; there are 4096, unless ``[limits]`` says otherwise.
        """
        with suppress(OSError):  # the other side was faster
            request.shutdown(socket.SHUT_RDWR)
        request.detach()


print("serving", flush=True)
server = Server()
while True:
    server.handle_request()
