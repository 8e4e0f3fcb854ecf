import enarx.wasi.Descriptor;
import enarx.wasi.Listener;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;

/**
 * An HTTP server on the listening socket that the keep opens as descriptor 3.
 *
 * <p>It is the fourth of the [[files]] in Enarx.toml. TLS begins and ends in the keep: the program
 * sees plain HTTP.
 */
final class Main {
    private static final int SOCKET = 3;

    private static int answered;

    private Main() {
    }

    public static void main(String[] arguments) throws IOException {
        Listener listener = new Listener(SOCKET);
        System.out.println("serving");
        while (true) {
            Descriptor connection = listener.accept();
            try (connection) {
                serve(connection);
            } catch (IOException error) {
                System.err.println(error.getMessage()); // a client that gave up
            }
        }
    }

    private static void serve(Descriptor connection) throws IOException {
        BufferedReader head = new BufferedReader(
                new InputStreamReader(connection.input(), StandardCharsets.ISO_8859_1));
        String request = head.readLine();
        if (request == null) {
            return;
        }
        String line;
        do {
            line = head.readLine();
        } while (line != null && !line.isEmpty());
        answered++;
        if (request.startsWith("GET / ")) {
            answer(connection, "200 OK", "hello from Java in a keep\n");
        } else if (request.startsWith("GET /count ")) {
            answer(connection, "200 OK", answered + "\n");
        } else {
            answer(connection, "404 Not Found", "there is only / and /count\n");
        }
    }

    private static void answer(Descriptor connection, String status, String body)
            throws IOException {
        byte[] data = body.getBytes(StandardCharsets.UTF_8);
        String head = "HTTP/1.1 " + status + "\r\nContent-Type: text/plain\r\nContent-Length: "
                + data.length + "\r\nConnection: close\r\n\r\n";
        connection.output().write(head.getBytes(StandardCharsets.US_ASCII));
        connection.output().write(data);
    }
}
