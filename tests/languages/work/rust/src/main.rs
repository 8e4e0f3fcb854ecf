//! The work program in Rust: see ../../reference.py for what it must print.
mod json;
mod sha256;

use std::collections::HashMap;
use std::io::Read;
use std::time::{Duration, SystemTime};
use std::{env, fs, io, process};

fn words() -> io::Result<()> {
    let mut text = String::new();
    io::stdin().read_to_string(&mut text)?;
    let mut counts: HashMap<String, usize> = HashMap::new();
    for word in text.split_ascii_whitespace() {
        *counts.entry(word.to_ascii_lowercase()).or_default() += 1;
    }
    println!("words: {}", counts.values().sum::<usize>());
    let mut ranked: Vec<_> = counts.into_iter().collect();
    ranked.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0))); // UTF-8 sorts by code point
    for (word, count) in ranked.iter().take(3) {
        println!("{count} {word}");
    }
    Ok(())
}

fn scratch() -> &'static str {
    if fs::write("/scratch/work.txt", "scratch").is_err() {
        return "no scratch";
    }
    match fs::read_to_string("/scratch/work.txt") {
        Ok(text) if text == "scratch" => "ok",
        _ => "failed",
    }
}

/// 16 random bytes: std has no function for them, and seeds its hash maps with some.
fn random() -> u128 {
    use std::collections::hash_map::RandomState;
    use std::hash::{BuildHasher, Hasher};
    let half = || RandomState::new().build_hasher().finish() as u128;
    half() << 64 | half()
}

fn main() -> io::Result<()> {
    words()?;
    println!("json: {}", json::summary(&fs::read_to_string("/data/in.json")?));
    let megabyte: Vec<u8> = (0..1 << 20).map(|i: u32| (i * 7 + 3) as u8).collect();
    println!("sha256: {}", sha256::hexadecimal(&megabyte));
    println!("env: {}", env::var("WORK_GREETING").unwrap_or_default());
    println!("args: {}", env::args().skip(1).collect::<Vec<_>>().join(","));
    println!("file: {}", scratch());
    let after = SystemTime::UNIX_EPOCH + Duration::from_secs(1_577_836_800);
    println!("time {}", if SystemTime::now() > after { "ok" } else { "wrong" });
    println!("random {}", if random() != random() { "ok" } else { "wrong" });
    process::exit(7);
}
