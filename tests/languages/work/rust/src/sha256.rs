//! SHA-256 (FIPS 180-4), whose constants are worked out from the first primes.

pub fn hexadecimal(data: &[u8]) -> String {
    let constants = fractions(64, 3);
    let mut state = fractions(8, 2);
    let mut padded = data.to_vec();
    padded.push(0x80);
    while padded.len() % 64 != 56 {
        padded.push(0);
    }
    padded.extend((data.len() as u64 * 8).to_be_bytes());
    for block in padded.chunks_exact(64) {
        compress(&mut state, block, &constants);
    }
    state.iter().map(|word| format!("{word:08x}")).collect()
}

fn compress(state: &mut [u32], block: &[u8], constants: &[u32]) {
    let mut w: Vec<u32> =
        block.chunks(4).map(|b| u32::from_be_bytes([b[0], b[1], b[2], b[3]])).collect();
    for i in 16..64 {
        let (a, b) = (w[i - 15], w[i - 2]);
        let low = a.rotate_right(7) ^ a.rotate_right(18) ^ a >> 3;
        let high = b.rotate_right(17) ^ b.rotate_right(19) ^ b >> 10;
        w.push(w[i - 16].wrapping_add(low).wrapping_add(w[i - 7]).wrapping_add(high));
    }
    let mut s = [0; 8];
    s.copy_from_slice(state);
    for i in 0..64 {
        let mix = s[4].rotate_right(6) ^ s[4].rotate_right(11) ^ s[4].rotate_right(25);
        let choice = s[4] & s[5] ^ !s[4] & s[6];
        let one = [mix, choice, constants[i], w[i]].iter().fold(s[7], |sum, n| sum.wrapping_add(*n));
        let mix = s[0].rotate_right(2) ^ s[0].rotate_right(13) ^ s[0].rotate_right(22);
        let two = mix.wrapping_add(s[0] & s[1] ^ s[0] & s[2] ^ s[1] & s[2]);
        s.copy_within(0..7, 1);
        s[4] = s[4].wrapping_add(one);
        s[0] = one.wrapping_add(two);
    }
    for (word, more) in state.iter_mut().zip(s) {
        *word = word.wrapping_add(more);
    }
}

/// The first 32 bits of the fractions of the square or cube roots of the first primes.
fn fractions(count: usize, power: u32) -> Vec<u32> {
    let primes = (2u128..).filter(|n| (2..*n).all(|divisor| n % divisor != 0));
    primes.take(count).map(|prime| root(prime << (32 * power), power) as u32).collect()
}

fn root(of: u128, power: u32) -> u128 {
    let (mut low, mut high) = (0u128, 1u128 << 40);
    while high - low > 1 {
        let middle = (low + high) / 2;
        if middle.pow(power) > of {
            high = middle;
        } else {
            low = middle;
        }
    }
    low
}
