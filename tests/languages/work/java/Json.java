import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/** JSON of objects, arrays, strings and whole numbers. */
final class Json {
    private final String text;
    private int at;

    private Json(String text) {
        this.text = text;
    }

    /** A {@code Map}, {@code List}, {@code String} or {@code Long}. */
    static Object parse(String text) {
        return new Json(text).value();
    }

    /** Without spaces. */
    static String write(Object value) {
        StringBuilder out = new StringBuilder();
        if (value instanceof Map) {
            String between = "{";
            for (Map.Entry<?, ?> entry : ((Map<?, ?>) value).entrySet()) {
                out.append(between).append(write(entry.getKey())).append(':');
                out.append(write(entry.getValue()));
                between = ",";
            }
            return out.append('}').toString();
        }
        if (value instanceof String) {
            String escaped = ((String) value).replace("\\", "\\\\").replace("\"", "\\\"");
            return out.append('"').append(escaped).append('"').toString();
        }
        return value.toString();
    }

    private Object value() {
        switch (peek()) {
            case '{':
                return object();
            case '[':
                return array();
            case '"':
                return string();
            default:
                return number();
        }
    }

    private Map<String, Object> object() {
        Map<String, Object> found = new TreeMap<>();
        at++;
        while (peek() != '}') {
            String key = string();
            peek();
            at++; // the colon
            found.put(key, value());
            skipComma();
        }
        at++;
        return found;
    }

    private List<Object> array() {
        List<Object> found = new ArrayList<>();
        at++;
        while (peek() != ']') {
            found.add(value());
            skipComma();
        }
        at++;
        return found;
    }

    private String string() {
        StringBuilder found = new StringBuilder();
        for (at++; text.charAt(at) != '"'; at++) {
            char letter = text.charAt(at);
            found.append(letter == '\\' ? escaped() : letter);
        }
        at++;
        return found.toString();
    }

    private char escaped() {
        char letter = text.charAt(++at);
        switch (letter) {
            case 'n':
                return '\n';
            case 't':
                return '\t';
            case 'u':
                at += 4;
                return (char) Integer.parseInt(text.substring(at - 3, at + 1), 16);
            default:
                return letter;
        }
    }

    private Long number() {
        int start = at;
        while (at < text.length() && "-0123456789".indexOf(text.charAt(at)) >= 0) {
            at++;
        }
        return Long.valueOf(text.substring(start, at));
    }

    private void skipComma() {
        if (peek() == ',') {
            at++;
        }
    }

    /** The next letter that is no white space. */
    private char peek() {
        while (Character.isWhitespace(text.charAt(at))) {
            at++;
        }
        return text.charAt(at);
    }
}
