import java.math.BigInteger;
import java.nio.ByteBuffer;
import java.util.Arrays;

/** SHA-256 (FIPS 180-4): TeaVM's class library has no MessageDigest. */
final class Sha256 {
    private static final int[] PRIMES = primes();

    private final int[] constants = new int[64];
    private final int[] state = new int[8];

    private Sha256() {
        for (int i = 0; i < constants.length; i++) {
            constants[i] = fraction(PRIMES[i], 3);
        }
        for (int i = 0; i < state.length; i++) {
            state[i] = fraction(PRIMES[i], 2);
        }
    }

    static String hexadecimal(byte[] message) {
        byte[] data = Arrays.copyOf(message, (message.length + 9 + 63) / 64 * 64);
        data[message.length] = (byte) 0x80;
        ByteBuffer words = ByteBuffer.wrap(data);
        words.putLong(data.length - 8, message.length * 8L);
        Sha256 digest = new Sha256();
        for (int at = 0; at < data.length; at += 64) {
            digest.block(words, at);
        }
        StringBuilder text = new StringBuilder();
        for (int word : digest.state) {
            text.append(String.format("%08x", word));
        }
        return text.toString();
    }

    private void block(ByteBuffer data, int at) {
        int[] w = new int[64];
        for (int i = 0; i < 16; i++) {
            w[i] = data.getInt(at + 4 * i);
        }
        for (int i = 16; i < 64; i++) {
            int one = turn(w[i - 15], 7) ^ turn(w[i - 15], 18) ^ w[i - 15] >>> 3;
            int two = turn(w[i - 2], 17) ^ turn(w[i - 2], 19) ^ w[i - 2] >>> 10;
            w[i] = w[i - 16] + one + w[i - 7] + two;
        }
        int[] s = state.clone();
        for (int i = 0; i < 64; i++) {
            int choice = (s[4] & s[5]) ^ (~s[4] & s[6]);
            int majority = (s[0] & s[1]) ^ (s[0] & s[2]) ^ (s[1] & s[2]);
            int one = s[7] + (turn(s[4], 6) ^ turn(s[4], 11) ^ turn(s[4], 25)) + choice
                    + constants[i] + w[i];
            int two = (turn(s[0], 2) ^ turn(s[0], 13) ^ turn(s[0], 22)) + majority;
            System.arraycopy(s, 0, s, 1, 7);
            s[4] += one;
            s[0] = one + two;
        }
        for (int i = 0; i < state.length; i++) {
            state[i] += s[i];
        }
    }

    private static int turn(int word, int by) {
        return word >>> by | word << 32 - by;
    }

    /** The first 32 bits of the fraction of a root, found by halving, in whole numbers. */
    private static int fraction(int n, int degree) {
        BigInteger want = BigInteger.valueOf(n).shiftLeft(32 * degree);
        long low = 0;
        long high = 1L << 40;
        while (high - low > 1) {
            long middle = (low + high) / 2;
            if (BigInteger.valueOf(middle).pow(degree).compareTo(want) > 0) {
                high = middle;
            } else {
                low = middle;
            }
        }
        return (int) low;
    }

    private static int[] primes() {
        int[] found = new int[64];
        int count = 0;
        for (int n = 2; count < found.length; n++) {
            int divisor = 2;
            while (n % divisor != 0) {
                divisor++;
            }
            if (divisor == n) {
                found[count++] = n;
            }
        }
        return found;
    }
}
