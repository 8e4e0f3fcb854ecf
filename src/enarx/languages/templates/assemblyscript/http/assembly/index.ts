// The shim has no sockets, so the calls of WASI are declared here.
// @ts-ignore: decorator
@external("wasi_snapshot_preview1", "sock_accept")
declare function sock_accept(fd: i32, flags: i32, connection: usize): i32;
// @ts-ignore: decorator
@external("wasi_snapshot_preview1", "sock_recv")
declare function sock_recv(fd: i32, pieces: usize, count: i32, flags: i32, got: usize, out: usize): i32;
// @ts-ignore: decorator
@external("wasi_snapshot_preview1", "sock_send")
declare function sock_send(fd: i32, pieces: usize, count: i32, flags: i32, sent: usize): i32;
// @ts-ignore: decorator
@external("wasi_snapshot_preview1", "sock_shutdown")
declare function sock_shutdown(fd: i32, how: i32): i32;
// @ts-ignore: decorator
@external("wasi_snapshot_preview1", "fd_close")
declare function fd_close(fd: i32): i32;

const LISTENER = 3; // the fourth of [[files]] in Enarx.toml
const BOTH_WAYS = 3;

const piece = memory.data(8); // where some bytes are, and how many
const result = memory.data(8); // what a call returns
const buffer = new Uint8Array(8192);

/** The request's head, with the empty line that ends it; empty if there is none. */
function readHead(connection: i32): string {
  let length = 0;
  while (length < buffer.length) {
    store<usize>(piece, buffer.dataStart + length);
    store<i32>(piece, buffer.length - length, 4);
    if (sock_recv(connection, piece, 1, 0, result, result + 4) || !load<i32>(result)) return "";
    length += load<i32>(result);
    const head = String.UTF8.decodeUnsafe(buffer.dataStart, length);
    if (head.includes("\r\n\r\n")) return head;
  }
  return "";
}

function answer(connection: i32, status: string, body: string): void {
  const text = Uint8Array.wrap(
    String.UTF8.encode(
      `HTTP/1.1 ${status}\r\nContent-Type: text/plain\r\n` +
        `Content-Length: ${String.UTF8.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`
    )
  );
  for (let sent = 0; sent < text.length; sent += load<i32>(result)) {
    store<usize>(piece, text.dataStart + sent);
    store<i32>(piece, text.length - sent, 4);
    if (sock_send(connection, piece, 1, 0, result)) return;
  }
}

let answered = 0;
console.log("serving");
while (true) {
  if (sock_accept(LISTENER, 0, result)) continue; // a client that gave up
  const connection = load<i32>(result);
  const head = readHead(connection);
  if (head.length) {
    answered++;
    if (head.startsWith("GET / ")) answer(connection, "200 OK", "hello from AssemblyScript in a keep\n");
    else if (head.startsWith("GET /count ")) answer(connection, "200 OK", `${answered}\n`);
    else answer(connection, "404 Not Found", "there is only / and /count\n");
  }
  sock_shutdown(connection, BOTH_WAYS);
  fd_close(connection);
}
