package enarx.wasi;

import java.io.Closeable;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import org.teavm.interop.Address;

/** An open descriptor as two streams: standard input, or a connection. */
public final class Descriptor implements Closeable {
    /** Standard input. */
    public static final Descriptor STANDARD_INPUT = new Descriptor(0);

    private final int number;

    /** The open descriptor *number*, which nobody else closes. */
    public Descriptor(int number) {
        this.number = number;
    }

    /** What arrives; its end is the end of the file, or of the connection. */
    public InputStream input() {
        return new Input();
    }

    /** What is sent, unbuffered. */
    public OutputStream output() {
        return new Output();
    }

    /** Close it: a connection ends. */
    @Override
    public void close() throws IOException {
        check("fd_close", Calls.fdClose(number));
    }

    static void check(String call, int errno) throws IOException {
        if (errno != 0) {
            throw new IOException(call + " failed: WASI error " + errno);
        }
    }

    private int transfer(boolean reading, byte[] bytes, int offset, int length) throws IOException {
        int[] size = new int[1];
        int[] vector = new int[2];
        vector[0] = Address.ofData(bytes).add(offset).toInt();
        vector[1] = length;
        Address vectors = Address.ofData(vector);
        if (reading) {
            check("fd_read", Calls.fdRead(number, vectors, 1, Address.ofData(size)));
        } else {
            check("fd_write", Calls.fdWrite(number, vectors, 1, Address.ofData(size)));
        }
        return size[0];
    }

    private final class Input extends InputStream {
        @Override
        public int read() throws IOException {
            byte[] one = new byte[1];
            return read(one, 0, 1) < 0 ? -1 : one[0] & 0xFF;
        }

        @Override
        public int read(byte[] bytes, int offset, int length) throws IOException {
            if (length == 0) {
                return 0;
            }
            int size = transfer(true, bytes, offset, length);
            return size == 0 ? -1 : size;
        }

        @Override
        public void close() throws IOException {
            Descriptor.this.close();
        }
    }

    private final class Output extends OutputStream {
        @Override
        public void write(int value) throws IOException {
            write(new byte[] {(byte) value}, 0, 1);
        }

        @Override
        public void write(byte[] bytes, int offset, int length) throws IOException {
            int sent = 0;
            while (sent < length) {
                sent += transfer(false, bytes, offset + sent, length - sent);
            }
        }

        @Override
        public void close() throws IOException {
            Descriptor.this.close();
        }
    }
}
