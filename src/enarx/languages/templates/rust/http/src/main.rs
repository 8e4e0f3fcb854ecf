use std::io::{Read, Result, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::wasi::io::FromRawFd;

const LISTENER: i32 = 3; // the fourth of [[files]] in Enarx.toml

/// The request's head, with the empty line that ends it; empty if there is none.
fn read_head(connection: &mut TcpStream) -> Result<Vec<u8>> {
    let mut head = Vec::new();
    let mut piece = [0; 1024];
    while head.len() < 8192 {
        let got = connection.read(&mut piece)?;
        if got == 0 {
            break;
        }
        head.extend_from_slice(&piece[..got]);
        if head.windows(4).any(|four| four == b"\r\n\r\n") {
            return Ok(head);
        }
    }
    Ok(Vec::new())
}

fn answer(connection: &mut TcpStream, status: &str, body: &str) -> Result<()> {
    write!(
        connection,
        "HTTP/1.1 {status}\r\nContent-Type: text/plain\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )
}

fn serve(connection: &mut TcpStream, answered: &mut u64) -> Result<()> {
    let head = read_head(connection)?;
    if head.is_empty() {
        return Ok(());
    }
    *answered += 1;
    if head.starts_with(b"GET / ") {
        answer(connection, "200 OK", "hello from Rust in a keep\n")
    } else if head.starts_with(b"GET /count ") {
        answer(connection, "200 OK", &format!("{answered}\n"))
    } else {
        answer(connection, "404 Not Found", "there is only / and /count\n")
    }
}

fn main() {
    // Nobody else in this program owns the descriptor.
    let listener = unsafe { TcpListener::from_raw_fd(LISTENER) };
    let mut answered = 0;
    println!("serving");
    for accepted in listener.incoming() {
        let mut connection = match accepted {
            Ok(connection) => connection,
            Err(_) => continue, // a client that gave up
        };
        let _ = serve(&mut connection, &mut answered); // so may this one
        let _ = connection.shutdown(Shutdown::Both);
    }
}
