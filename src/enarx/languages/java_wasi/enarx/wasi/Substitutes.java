package enarx.wasi;

import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.Collections;
import java.util.HashMap;
import java.util.Map;
import org.teavm.backend.wasm.wasi.FdResult;
import org.teavm.backend.wasm.wasi.Wasi;
import org.teavm.interop.Address;

/**
 * What stands behind methods of the standard library that TeaVM leaves empty for WASI.
 *
 * <p>{@code CompileToWasi} puts calls of these into them.
 */
public final class Substitutes {
    private static InputStream input;
    private static Map<String, String> environment;

    private Substitutes() {
    }

    /** {@code System.in}. */
    public static InputStream standardInput() {
        if (input == null) {
            input = Descriptor.STANDARD_INPUT.input();
        }
        return input;
    }

    /** {@code System.getenv(name)}. */
    public static String variable(String name) {
        return environment().get(name);
    }

    /** {@code System.getenv()}. */
    public static Map<String, String> environment() {
        if (environment == null) {
            environment = Collections.unmodifiableMap(readEnvironment());
        }
        return environment;
    }

    /** {@code System.exit(status)}. */
    public static void exit(int status) {
        System.out.flush();
        System.err.flush();
        Calls.procExit(status);
    }

    /** {@code System.nanoTime()}. */
    public static long nanoTime() {
        long[] nanoseconds = new long[1];
        Calls.clockTimeGet(Calls.MONOTONIC, 1, Address.ofData(nanoseconds));
        return nanoseconds[0];
    }

    /** What TeaVM's queue of waiting threads does when one must run sooner: it is not asleep. */
    public static void interrupt() {
    }

    /** What that queue does when no thread can run yet. */
    public static void sleep(long milliseconds) {
        long[] subscription = new long[6]; // user data, kind, clock, duration, precision, flags
        subscription[2] = Calls.MONOTONIC;
        subscription[3] = milliseconds * 1_000_000;
        long[] event = new long[4];
        int[] ready = new int[1];
        Calls.pollOneoff(Address.ofData(subscription), Address.ofData(event), 1,
                Address.ofData(ready));
    }

    /** {@code SecureRandom.nextBytes}: TeaVM's own is a generator with 48 bits of state. */
    public static void randomBytes(byte[] bytes) {
        int errno = Calls.randomGet(Address.ofData(bytes), bytes.length);
        if (errno != 0) {
            throw new IllegalStateException("random_get failed: WASI error " + errno);
        }
    }

    /**
     * {@code path_open}, as TeaVM's files call it: a file that is opened to be written can be moved
     * in as well, without which {@code Files.newOutputStream} fails.
     */
    public static short open(int folder, int lookup, Address path, int length, short create,
            long rights, long inherited, short flags, FdResult opened) {
        long more = (rights & Wasi.RIGHTS_WRITE) == 0 ? 0 : Wasi.RIGHTS_SEEK | Wasi.RIGHTS_TELL;
        return Calls.pathOpen(folder, lookup, path, length, create, rights | more,
                inherited | more, flags, opened);
    }

    private static Map<String, String> readEnvironment() {
        int[] count = new int[1];
        int[] size = new int[1];
        Calls.environSizesGet(Address.ofData(count), Address.ofData(size));
        Map<String, String> found = new HashMap<>();
        if (count[0] == 0) {
            return found;
        }
        int[] pointers = new int[count[0]];
        byte[] text = new byte[size[0]];
        Calls.environGet(Address.ofData(pointers), Address.ofData(text));
        int start = 0;
        for (int end = 0; end < text.length; end++) {
            if (text[end] == 0) {
                String entry = new String(text, start, end - start, StandardCharsets.UTF_8);
                int equals = entry.indexOf('=');
                if (equals > 0) {
                    found.put(entry.substring(0, equals), entry.substring(equals + 1));
                }
                start = end + 1;
            }
        }
        return found;
    }
}
