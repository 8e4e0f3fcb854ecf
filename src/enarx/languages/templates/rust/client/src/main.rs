use std::io::{Error, Read, Result, Write};
use std::net::TcpStream;
use std::os::wasi::io::FromRawFd;

const SERVER: i32 = 3; // the fourth of [[files]] in Enarx.toml

/// HTTP/1.0: the answer comes whole, and ends with the connection.
const REQUEST: &[u8] = b"GET / HTTP/1.0\r\nHost: example.com\r\n\r\n";

fn main() -> Result<()> {
    // Nobody else in this program owns the descriptor.
    let mut server = unsafe { TcpStream::from_raw_fd(SERVER) };
    server.write_all(REQUEST)?;
    let mut answer = Vec::new();
    server.read_to_end(&mut answer)?;
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n");
    let status = answer.split(|&byte| byte == b'\r').next().unwrap_or_default();
    match end {
        Some(end) if status.starts_with(b"HTTP/1.") && status[8..].starts_with(b" 200 ") => {
            std::io::stdout().write_all(&answer[end + 4..])
        }
        _ => Err(Error::other(String::from_utf8_lossy(status))),
    }
}
