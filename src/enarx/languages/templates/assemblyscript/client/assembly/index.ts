// The shim has no sockets, so the calls of WASI are declared here.
// @ts-ignore: decorator
@external("wasi_snapshot_preview1", "sock_recv")
declare function sock_recv(fd: i32, pieces: usize, count: i32, flags: i32, got: usize, out: usize): i32;
// @ts-ignore: decorator
@external("wasi_snapshot_preview1", "sock_send")
declare function sock_send(fd: i32, pieces: usize, count: i32, flags: i32, sent: usize): i32;

const SERVER = 3; // the fourth of [[files]] in Enarx.toml

// HTTP/1.0: the answer comes whole, and ends with the connection.
const REQUEST = "GET / HTTP/1.0\r\nHost: example.com\r\n\r\n";

const piece = memory.data(8); // where some bytes are, and how many
const result = memory.data(8); // what a call returns

function fail(why: string): void {
  process.stderr.write(`${why}\n`);
  process.exit(1);
}

function send(text: Uint8Array): void {
  for (let sent = 0; sent < text.length; sent += load<i32>(result)) {
    store<usize>(piece, text.dataStart + sent);
    store<i32>(piece, text.length - sent, 4);
    if (sock_send(SERVER, piece, 1, 0, result)) fail("the connection broke");
  }
}

/** Everything until the other side has ended. */
function receive(): Uint8Array {
  let buffer = new Uint8Array(65536);
  let length = 0;
  while (true) {
    if (length == buffer.length) {
      const larger = new Uint8Array(2 * length);
      larger.set(buffer);
      buffer = larger;
    }
    store<usize>(piece, buffer.dataStart + length);
    store<i32>(piece, buffer.length - length, 4);
    if (sock_recv(SERVER, piece, 1, 0, result, result + 4)) fail("the connection broke");
    if (!load<i32>(result)) return buffer.subarray(0, length);
    length += load<i32>(result);
  }
}

send(Uint8Array.wrap(String.UTF8.encode(REQUEST)));
const answer = receive();
const text = String.UTF8.decodeUnsafe(answer.dataStart, answer.length);
const status = text.substring(0, text.indexOf("\r\n"));
if (!status.startsWith("HTTP/1.") || status.substr(8, 5) != " 200 ") fail(`no: ${status}`);
process.stdout.write(text.substring(text.indexOf("\r\n\r\n") + 4));
