import java.io.BufferedInputStream;
import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;

/** Numbers the lines of standard input, in capitals. */
final class Main {
    private Main() {
    }

    public static void main(String[] arguments) throws IOException {
        InputStream in = new BufferedInputStream(System.in);
        OutputStream out = new BufferedOutputStream(System.out);
        int count = 0;
        int previous = '\n';
        for (int letter = in.read(); letter >= 0; letter = in.read()) {
            if (previous == '\n') {
                count++;
                out.write((count + " ").getBytes(StandardCharsets.US_ASCII));
            }
            out.write('a' <= letter && letter <= 'z' ? letter - 'a' + 'A' : letter);
            previous = letter;
        }
        out.flush();
        if (count == 0) {
            System.err.println("no input");
            System.exit(2);
        }
    }
}
