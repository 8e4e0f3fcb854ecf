use std::io::{self, BufRead, BufWriter, Write};

fn main() -> io::Result<()> {
    let mut out = BufWriter::new(io::stdout().lock());
    let mut number = 0;
    let mut line = Vec::new(); // bytes: what is not UTF-8 goes through as it is
    let mut input = io::stdin().lock();
    while input.read_until(b'\n', &mut line)? > 0 {
        number += 1;
        line.make_ascii_uppercase();
        write!(out, "{number} ")?;
        out.write_all(&line)?;
        line.clear();
    }
    out.flush()?;
    if number == 0 {
        eprintln!("no input");
        std::process::exit(2);
    }
    Ok(())
}
