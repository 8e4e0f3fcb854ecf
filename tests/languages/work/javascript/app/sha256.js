// SHA-256 (FIPS 180-4).

const primes = [];
for (let n = 2; primes.length < 64; n++) if (primes.every((prime) => n % prime)) primes.push(n);

// The first 32 bits of the fraction of a root: found by halving, in whole numbers.
function fraction(n, degree) {
  const want = BigInt(n) << BigInt(32 * degree);
  let low = 0n, high = 1n << 40n;
  while (high - low > 1n) {
    const middle = (low + high) / 2n;
    if (middle ** BigInt(degree) > want) high = middle;
    else low = middle;
  }
  return Number(low & 0xffffffffn);
}

const CONSTANTS = primes.map((prime) => fraction(prime, 3));
const START = primes.slice(0, 8).map((prime) => fraction(prime, 2));

const turn = (word, by) => (word >>> by) | (word << (32 - by));

export function sha256(message) {
  const size = message.length;
  const data = new Uint8Array(Math.ceil((size + 9) / 64) * 64);
  data.set(message);
  data[size] = 0x80;
  const view = new DataView(data.buffer);
  view.setBigUint64(data.length - 8, BigInt(size) * 8n);
  const state = Uint32Array.from(START), words = new Uint32Array(64);
  for (let at = 0; at < data.length; at += 64) digestBlock(view, at, words, state);
  return [...state].map((word) => word.toString(16).padStart(8, "0")).join("");
}

function digestBlock(view, at, w, state) {
  for (let i = 0; i < 16; i++) w[i] = view.getUint32(at + 4 * i);
  for (let i = 16; i < 64; i++) {
    const one = turn(w[i - 15], 7) ^ turn(w[i - 15], 18) ^ (w[i - 15] >>> 3);
    const two = turn(w[i - 2], 17) ^ turn(w[i - 2], 19) ^ (w[i - 2] >>> 10);
    w[i] = w[i - 16] + one + w[i - 7] + two;
  }
  let [a, b, c, d, e, f, g, h] = state;
  for (let i = 0; i < 64; i++) {
    const mixed = (turn(e, 6) ^ turn(e, 11) ^ turn(e, 25)) + ((e & f) ^ (~e & g));
    const one = (h + mixed + CONSTANTS[i] + w[i]) | 0;
    const two = (turn(a, 2) ^ turn(a, 13) ^ turn(a, 22)) + ((a & b) ^ (a & c) ^ (b & c));
    [h, g, f, e, d, c, b, a] = [g, f, e, (d + one) | 0, c, b, a, (one + two) | 0];
  }
  [a, b, c, d, e, f, g, h].forEach((word, i) => { state[i] += word; });
}
