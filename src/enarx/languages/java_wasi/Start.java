/** Starts {@code Main}: what it throws is reported, with status 1, as by a Java virtual machine. */
final class Start {
    private Start() {
    }

    public static void main(String[] arguments) {
        try {
            Main.main(arguments);
        } catch (Throwable thrown) {
            System.err.print("Exception in thread \"main\" ");
            thrown.printStackTrace();
            System.exit(1);
        }
    }
}
