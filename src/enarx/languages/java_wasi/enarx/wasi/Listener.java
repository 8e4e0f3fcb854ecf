package enarx.wasi;

import java.io.IOException;
import org.teavm.interop.Address;

/** A listening socket that the keep opened: a {@code [[files]]} entry of kind "listen". */
public final class Listener {
    private final int number;

    /**
     * The socket at a place in {@code [[files]]}.
     *
     * @param number of the descriptor, counted from 0: 3 after the standard streams
     */
    public Listener(int number) {
        this.number = number;
    }

    /** Wait for the next connection. */
    public Descriptor accept() throws IOException {
        int[] accepted = new int[1];
        Descriptor.check("sock_accept", Calls.sockAccept(number, 0, Address.ofData(accepted)));
        return new Descriptor(accepted[0]);
    }
}
