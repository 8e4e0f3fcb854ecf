import enarx.wasi.Descriptor;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;

/**
 * A client of HTTPS on the connection that the keep opens as descriptor 3.
 *
 * <p>It is the fourth of the [[files]] in Enarx.toml. TLS begins in the keep, which checks the
 * server: the program speaks plain HTTP.
 */
final class Main {
    private static final int SERVER = 3;

    /** HTTP/1.0: the answer comes whole, and ends with the connection. */
    private static final String REQUEST = "GET / HTTP/1.0\r\nHost: example.com\r\n\r\n";

    private Main() {
    }

    public static void main(String[] arguments) throws IOException {
        byte[] answer;
        Descriptor server = new Descriptor(SERVER);
        try (server) {
            server.output().write(REQUEST.getBytes(StandardCharsets.US_ASCII));
            answer = read(server.input());
        }
        String text = new String(answer, StandardCharsets.ISO_8859_1); // a character for each byte
        int body = text.indexOf("\r\n\r\n") + 4;
        if (body < 4 || !text.startsWith("HTTP/1.") || !text.startsWith(" 200 ", 8)) {
            System.err.println("no: " + text.split("\r\n")[0]);
            System.exit(1);
        }
        System.out.write(answer, body, answer.length - body);
        System.out.flush();
    }

    private static byte[] read(InputStream input) throws IOException {
        ByteArrayOutputStream read = new ByteArrayOutputStream();
        byte[] piece = new byte[65536];
        for (int got = input.read(piece); got >= 0; got = input.read(piece)) {
            read.write(piece, 0, got);
        }
        return read.toByteArray();
    }
}
