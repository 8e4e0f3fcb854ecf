import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.Paths;
import java.security.SecureRandom;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/** The work program in Java: see ../reference.py for what it must print. */
final class Main {
    private static final int STATUS = 7;
    private static final long YEAR_2020 = 1_577_836_800_000L;

    private Main() {
    }

    public static void main(String[] arguments) throws IOException {
        words();
        json();
        digest();
        String greeting = System.getenv("WORK_GREETING");
        System.out.println("env: " + (greeting == null ? "" : greeting));
        System.out.println("args: " + String.join(",", arguments));
        System.out.println("file: " + scratch(Paths.get("/scratch/work.txt")));
        System.out.println(System.currentTimeMillis() > YEAR_2020 ? "time ok" : "time wrong");
        System.out.println(Arrays.equals(random(), random()) ? "random wrong" : "random ok");
        System.exit(STATUS);
    }

    private static void words() throws IOException {
        String text = new String(readAll(System.in), StandardCharsets.UTF_8);
        Map<String, Integer> counts = new HashMap<>();
        int total = 0;
        for (String word : text.split("[ \t\n\u000b\f\r]+")) {
            if (!word.isEmpty()) {
                counts.merge(lower(word), 1, (a, b) -> a + b);
                total++;
            }
        }
        List<String> ranked = new ArrayList<>(counts.keySet());
        ranked.sort((a, b) -> {
            int more = counts.get(b) - counts.get(a);
            return more != 0 ? more : compare(a, b);
        });
        System.out.println("words: " + total);
        for (String word : ranked.subList(0, Math.min(3, ranked.size()))) {
            System.out.println(counts.get(word) + " " + word);
        }
    }

    /** By code points: the order of {@code String.compareTo} is that of UTF-16's units. */
    private static int compare(String left, String right) {
        int[] a = left.codePoints().toArray();
        int[] b = right.codePoints().toArray();
        for (int i = 0; i < Math.min(a.length, b.length); i++) {
            if (a[i] != b[i]) {
                return Integer.compare(a[i], b[i]);
            }
        }
        return a.length - b.length;
    }

    /** ASCII letters in lower case. */
    private static String lower(String word) {
        char[] letters = word.toCharArray();
        for (int i = 0; i < letters.length; i++) {
            if ('A' <= letters[i] && letters[i] <= 'Z') {
                letters[i] += 'a' - 'A';
            }
        }
        return new String(letters);
    }

    private static void json() throws IOException {
        byte[] text = Files.readAllBytes(Paths.get("/data/in.json"));
        Map<?, ?> given = (Map<?, ?>) Json.parse(new String(text, StandardCharsets.UTF_8));
        List<?> numbers = (List<?>) given.get("numbers");
        long sum = 0;
        for (Object number : numbers) {
            sum += (Long) number;
        }
        Map<String, Object> made = new TreeMap<>();
        made.put("name", given.get("name"));
        made.put("sum", sum);
        made.put("count", (long) numbers.size());
        System.out.println("json: " + Json.write(made));
    }

    private static void digest() {
        byte[] data = new byte[1 << 20];
        for (int i = 0; i < data.length; i++) {
            data[i] = (byte) (i * 7 + 3);
        }
        System.out.println("sha256: " + Sha256.hexadecimal(data));
    }

    private static String scratch(Path path) {
        byte[] text = "scratch".getBytes(StandardCharsets.US_ASCII);
        try {
            Files.write(path, text);
        } catch (IOException error) {
            return "no scratch";
        }
        try {
            return Arrays.equals(Files.readAllBytes(path), text) ? "ok" : "failed";
        } catch (IOException error) {
            return "failed";
        }
    }

    private static byte[] random() {
        byte[] bytes = new byte[16];
        new SecureRandom().nextBytes(bytes);
        return bytes;
    }

    private static byte[] readAll(InputStream in) throws IOException {
        ByteArrayOutputStream all = new ByteArrayOutputStream();
        byte[] buffer = new byte[8192];
        for (int size = in.read(buffer); size >= 0; size = in.read(buffer)) {
            all.write(buffer, 0, size);
        }
        return all.toByteArray();
    }
}
