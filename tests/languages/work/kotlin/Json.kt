/** JSON of objects, arrays, strings and whole numbers. */
class Json private constructor(private val text: String) {
    private var at = 0

    companion object {
        /** A `Map`, `List`, `String` or `Long`. */
        fun parse(text: String): Any = Json(text).value()

        /** Without spaces. */
        fun write(value: Any?): String = when (value) {
            is Map<*, *> -> value.entries.joinToString(",", "{", "}") { (key, item) ->
                "${write(key)}:${write(item)}"
            }
            is String -> "\"${value.replace("\\", "\\\\").replace("\"", "\\\"")}\""
            else -> value.toString()
        }
    }

    private fun value(): Any = when (peek()) {
        '{' -> members()
        '[' -> items()
        '"' -> string()
        else -> number()
    }

    private fun members(): Map<String, Any> = buildMap {
        at++
        while (peek() != '}') {
            val key = string()
            peek()
            at++ // the colon
            put(key, value())
            skipComma()
        }
        at++
    }

    private fun items(): List<Any> = buildList {
        at++
        while (peek() != ']') {
            add(value())
            skipComma()
        }
        at++
    }

    private fun string(): String = buildString {
        at++
        while (text[at] != '"') {
            append(if (text[at] == '\\') escaped() else text[at])
            at++
        }
        at++
    }

    private fun escaped(): Char = when (val letter = text[++at]) {
        'n' -> '\n'
        't' -> '\t'
        'u' -> {
            at += 4
            text.substring(at - 3, at + 1).toInt(16).toChar()
        }
        else -> letter
    }

    private fun number(): Long {
        val digits = text.drop(at).takeWhile { it in "-0123456789" }
        at += digits.length
        return digits.toLong()
    }

    private fun skipComma() {
        if (peek() == ',') at++
    }

    /** The next letter that is no white space. */
    private fun peek(): Char {
        while (text[at].isWhitespace()) at++
        return text[at]
    }
}
