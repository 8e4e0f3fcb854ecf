// SHA-256 (FIPS 180-4), by the book.
using System;
using System.Linq;

static class Sha256
{
    static readonly uint[] Primes = Enumerable.Range(2, 310)
        .Where(n => Enumerable.Range(2, n - 2).All(divisor => n % divisor != 0)).Select(n => (uint)n).ToArray();
    static readonly uint[] Constants = Primes.Take(64).Select(n => Fraction(n, 3)).ToArray();

    // The digest of bytes whose number is a multiple of 64, in hexadecimal.
    public static string Digest(byte[] data)
    {
        uint[] state = Primes.Take(8).Select(n => Fraction(n, 2)).ToArray();
        var block = new uint[64];
        for (int at = 0; at < data.Length; at += 64)
        {
            for (int word = 0; word < 16; word++)
                block[word] = (uint)(data[at + 4 * word] << 24 | data[at + 4 * word + 1] << 16
                    | data[at + 4 * word + 2] << 8 | data[at + 4 * word + 3]);
            Mix(state, block);
        }
        Array.Clear(block, 0, 16);
        block[0] = 0x80000000;
        block[14] = (uint)((ulong)data.Length >> 29);
        block[15] = (uint)data.Length << 3;
        Mix(state, block);
        return string.Concat(state.Select(word => word.ToString("x8")));
    }

    static void Mix(uint[] state, uint[] w)
    {
        for (int at = 16; at < 64; at++)
        {
            uint far = w[at - 15], near = w[at - 2];
            w[at] = w[at - 16] + (Turned(far, 7) ^ Turned(far, 18) ^ far >> 3) + w[at - 7]
                + (Turned(near, 17) ^ Turned(near, 19) ^ near >> 10);
        }
        uint a = state[0], b = state[1], c = state[2], d = state[3];
        uint e = state[4], f = state[5], g = state[6], h = state[7];
        for (int at = 0; at < 64; at++)
        {
            uint one = h + (Turned(e, 6) ^ Turned(e, 11) ^ Turned(e, 25)) + (e & f ^ ~e & g) + Constants[at] + w[at];
            uint two = (Turned(a, 2) ^ Turned(a, 13) ^ Turned(a, 22)) + (a & b ^ a & c ^ b & c);
            h = g; g = f; f = e; e = d + one;
            d = c; c = b; b = a; a = one + two;
        }
        state[0] += a; state[1] += b; state[2] += c; state[3] += d;
        state[4] += e; state[5] += f; state[6] += g; state[7] += h;
    }

    static uint Turned(uint word, int by) { return word >> by | word << 32 - by; }

    // The first 32 bits of the fraction of a root, which doubles hold exactly enough.
    static uint Fraction(uint n, int power)
    {
        double root = power == 2 ? Math.Sqrt(n) : Math.Pow(n, 1.0 / 3);
        return (uint)((root - Math.Floor(root)) * 4294967296.0);
    }
}
