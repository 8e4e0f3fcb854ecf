/** Prints a greeting and its arguments. */
final class Main {
    private Main() {
    }

    public static void main(String[] arguments) {
        System.out.println("hello from Java in a keep");
        for (String argument : arguments) {
            System.out.println("argument: " + argument);
        }
    }
}
