import java.io.File;
import java.net.URL;
import java.net.URLClassLoader;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.teavm.diagnostics.DefaultProblemTextConsumer;
import org.teavm.diagnostics.Problem;
import org.teavm.diagnostics.ProblemSeverity;
import org.teavm.model.AccessLevel;
import org.teavm.model.ClassHolder;
import org.teavm.model.ClassHolderTransformer;
import org.teavm.model.ClassHolderTransformerContext;
import org.teavm.model.ElementModifier;
import org.teavm.model.Instruction;
import org.teavm.model.MethodDescriptor;
import org.teavm.model.MethodHolder;
import org.teavm.model.MethodReference;
import org.teavm.model.Program;
import org.teavm.model.ValueType;
import org.teavm.model.emit.ProgramEmitter;
import org.teavm.model.emit.ValueEmitter;
import org.teavm.model.instructions.ExitInstruction;
import org.teavm.model.instructions.InvocationType;
import org.teavm.model.instructions.InvokeInstruction;
import org.teavm.tooling.TeaVMTargetType;
import org.teavm.tooling.TeaVMTool;
import org.teavm.vm.TeaVMOptimizationLevel;

/**
 * TeaVM's compiler for one program: {@code CompileToWasi release|debug MAIN-CLASS OUTPUT CLASSES...}.
 *
 * <p>It runs from source ({@code java -cp JARS CompileToWasi.java}).  The standard library's
 * methods that TeaVM leaves empty for WASI get bodies that call {@code enarx.wasi.Substitutes}.
 */
public final class CompileToWasi {
    private static final int MIB = 1024 * 1024;

    private CompileToWasi() {
    }

    public static void main(String[] arguments) throws Exception {
        boolean release = arguments[0].equals("release");
        File output = new File(arguments[2]);
        TeaVMTool tool = new TeaVMTool();
        tool.setTargetType(TeaVMTargetType.WEBASSEMBLY_WASI);
        tool.setMainClass(arguments[1]);
        tool.setTargetDirectory(output.getParentFile());
        tool.setTargetFileName(output.getName());
        tool.setClassLoader(loader(arguments));
        tool.setOptimizationLevel(
                release ? TeaVMOptimizationLevel.ADVANCED : TeaVMOptimizationLevel.SIMPLE);
        tool.setObfuscated(release);
        tool.setDebugInformationGenerated(!release);
        tool.setStrict(true);
        tool.setMinHeapSize(4 * MIB);
        tool.setMaxHeapSize(1024 * MIB);
        tool.getTransformers().add(Substitution.class.getName());
        tool.generate();
        if (report(tool.getProblemProvider().getProblems())) {
            System.exit(1);
        }
    }

    private static ClassLoader loader(String[] arguments) throws Exception {
        List<URL> places = new ArrayList<>();
        for (int i = 3; i < arguments.length; i++) {
            places.add(new File(arguments[i]).toURI().toURL());
        }
        return new URLClassLoader(
                places.toArray(new URL[0]), CompileToWasi.class.getClassLoader());
    }

    private static boolean report(List<Problem> problems) {
        boolean severe = false;
        for (Problem problem : problems) {
            DefaultProblemTextConsumer text = new DefaultProblemTextConsumer();
            problem.render(text);
            boolean isError = problem.getSeverity() == ProblemSeverity.ERROR;
            severe |= isError;
            System.err.println((isError ? "error: " : "warning: ") + text.getText());
            if (problem.getLocation() != null) {
                System.err.println("    in " + problem.getLocation().getMethod()
                        + " " + problem.getLocation().getSourceLocation());
            }
        }
        return severe;
    }

    /** Gives methods of the standard library bodies that call ours. */
    public static final class Substitution implements ClassHolderTransformer {
        private static final String OURS = "enarx.wasi.Substitutes";
        private static final ValueType STRING = ValueType.object("java.lang.String");
        private static final ValueType INPUT = ValueType.object("java.io.InputStream");
        private static final ValueType MAP = ValueType.object("java.util.Map");
        private static final ValueType BYTES = ValueType.arrayOf(ValueType.BYTE);
        private static final ValueType ADDRESS = ValueType.object("org.teavm.interop.Address");
        private static final ValueType RESULT =
                ValueType.object("org.teavm.backend.wasm.wasi.FdResult");

        /** By class: a method, the one of ours that it calls, whether it is static, its types. */
        private static final Map<String, List<Entry>> ENTRIES = Map.of(
                "java.lang.System", List.of(
                        new Entry("in", "standardInput", true, INPUT),
                        new Entry("getenv", "variable", true, STRING, STRING),
                        new Entry("getenv", "environment", true, MAP),
                        new Entry("exit", "exit", true, ValueType.VOID, ValueType.INTEGER),
                        new Entry("nanoTime", "nanoTime", true, ValueType.LONG)),
                "java.lang.Runtime", List.of(
                        new Entry("exit", "exit", false, ValueType.VOID, ValueType.INTEGER)),
                "java.security.SecureRandom", List.of(
                        new Entry("nextBytes", "randomBytes", false, ValueType.VOID, BYTES)),
                "org.teavm.runtime.EventQueue", List.of(
                        new Entry("interrupt", "interrupt", true, ValueType.VOID),
                        new Entry("waitFor", "sleep", true, ValueType.VOID, ValueType.LONG)),
                "org.teavm.backend.wasm.wasi.Wasi", List.of(
                        new Entry("pathOpen", "open", true, ValueType.SHORT,
                                ValueType.INTEGER, ValueType.INTEGER, ADDRESS, ValueType.INTEGER,
                                ValueType.SHORT, ValueType.LONG, ValueType.LONG, ValueType.SHORT,
                                RESULT)));

        private static final MethodDescriptor START =
                new MethodDescriptor("runWithoutArgs", ValueType.VOID);
        private static final MethodReference WAIT =
                new MethodReference("org.teavm.runtime.EventQueue", "process", ValueType.VOID);

        @Override
        public void transformClass(ClassHolder type, ClassHolderTransformerContext context) {
            if (type.getName().equals("org.teavm.backend.wasm.runtime.WasmSupport")) {
                waitForThreads(type.getMethod(START).getProgram());
            }
            for (Entry entry : ENTRIES.getOrDefault(type.getName(), List.of())) {
                MethodHolder method = method(type, entry);
                ProgramEmitter body = ProgramEmitter.create(method, context.getHierarchy());
                ValueEmitter[] arguments = new ValueEmitter[method.parameterCount()];
                for (int i = 0; i < arguments.length; i++) {
                    arguments[i] = body.var(i + 1, method.parameterType(i));
                }
                if (method.getResultType() == ValueType.VOID) {
                    body.invoke(OURS, entry.ours, arguments);
                    body.exit();
                } else {
                    body.invoke(OURS, entry.ours, method.getResultType(), arguments).returnValue();
                }
            }
        }

        /** A main function that sleeps has returned to its caller, who must go on until the end. */
        private static void waitForThreads(Program program) {
            for (int i = 0; i < program.basicBlockCount(); i++) {
                Instruction last = program.basicBlockAt(i).getLastInstruction();
                if (last instanceof ExitInstruction) {
                    InvokeInstruction wait = new InvokeInstruction();
                    wait.setType(InvocationType.SPECIAL);
                    wait.setMethod(WAIT);
                    last.insertPrevious(wait);
                }
            }
        }

        private static MethodHolder method(ClassHolder type, Entry entry) {
            MethodHolder theirs = type.getMethod(entry.descriptor);
            if (theirs != null) {
                type.removeMethod(theirs);
            }
            MethodHolder made = new MethodHolder(entry.descriptor);
            made.setLevel(AccessLevel.PUBLIC);
            if (entry.isStatic) {
                made.getModifiers().add(ElementModifier.STATIC);
            }
            type.addMethod(made);
            return made;
        }

        private static final class Entry {
            final MethodDescriptor descriptor;
            final String ours;
            final boolean isStatic;

            Entry(String name, String ours, boolean isStatic, ValueType result, ValueType... takes) {
                ValueType[] signature = new ValueType[takes.length + 1];
                System.arraycopy(takes, 0, signature, 0, takes.length);
                signature[takes.length] = result;
                this.descriptor = new MethodDescriptor(name, signature);
                this.ours = ours;
                this.isStatic = isStatic;
            }
        }
    }
}
