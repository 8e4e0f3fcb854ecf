import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.jetbrains.kotlin.cli.common.ExitCode;
import org.jetbrains.kotlin.cli.js.KotlinWasmCompiler;

/**
 * Kotlin's compiler for one program:
 * {@code CompileToWasi release|debug OURS OUTPUT LIBRARIES ARGUMENTS...}.
 *
 * <p>It runs from source ({@code java -cp JARS CompileToWasi.java}), three times in one virtual
 * machine: the program to a library, what starts it to another, both to WebAssembly.
 */
public final class CompileToWasi {
    private static final String NO_MAIN = "there is no such main function";

    private static final String START = "enarx-start";

    private final String libraries;
    private final String output;

    private CompileToWasi(String libraries, String output) {
        this.libraries = libraries;
        this.output = output;
    }

    public static void main(String[] arguments) {
        boolean release = arguments[0].equals("release");
        String start = arguments[1] + "/start/";
        String output = arguments[2];
        CompileToWasi program = new CompileToWasi(arguments[3], output);
        CompileToWasi whole = new CompileToWasi(arguments[3] + ":" + output + "/app.klib", output);
        program.run("app", List.of(arguments).subList(4, arguments.length));
        ByteArrayOutputStream said = new ByteArrayOutputStream();
        PrintStream quiet = new PrintStream(said, true, StandardCharsets.UTF_8);
        List<String> sources = List.of(start + "Main.kt", start + "Otherwise.kt", start + "Start.kt");
        boolean started = whole.compile(START, sources, quiet) == ExitCode.OK;
        refuseWithoutMain(started, said.toString(StandardCharsets.UTF_8));
        whole.run(START, linking(release, output + "/" + START + ".klib"));
    }

    private static List<String> linking(boolean release, String library) {
        List<String> options = new ArrayList<>(List.of(
                "-Xir-produce-js", "-Xir-dce", "-Xwasm-use-new-exception-proposal",
                "-Xwasm-enable-array-range-checks", "-Xinclude=" + library));
        if (!release) {
            options.add("-Xwasm-debug-friendly");
            options.add("-Xwasm-enable-asserts");
        }
        return options;
    }

    /** What starts the program takes a function that is marked where one of its own is missing. */
    private static void refuseWithoutMain(boolean started, String said) {
        if (!started || said.indexOf(NO_MAIN) != said.lastIndexOf(NO_MAIN)) {
            System.err.println("error: there is no main function that can be called: fun main() or"
                    + " fun main(arguments: Array<String>), public, in no package, not suspending");
            System.err.print(started ? "" : said);
            System.exit(1);
        }
    }

    private void run(String name, List<String> more) {
        if (compile(name, more, System.err) != ExitCode.OK) {
            System.exit(1);
        }
    }

    private ExitCode compile(String name, List<String> more, PrintStream said) {
        List<String> all = new ArrayList<>(List.of(
                "-Xwasm-target=wasm-wasi", "-libraries", libraries,
                "-ir-output-dir", output, "-ir-output-name", name, "-Xir-module-name=" + name));
        all.addAll(more);
        return new KotlinWasmCompiler().exec(said, all.toArray(new String[0]));
    }
}
