package enarx.wasi;

import org.teavm.backend.wasm.wasi.FdResult;
import org.teavm.interop.Address;
import org.teavm.interop.Import;

/** The calls of WASI preview 1 that TeaVM's own library does not make. */
final class Calls {
    private static final String MODULE = "wasi_snapshot_preview1";

    static final int MONOTONIC = 1;

    private Calls() {
    }

    @Import(module = MODULE, name = "environ_sizes_get")
    static native int environSizesGet(Address count, Address size);

    @Import(module = MODULE, name = "environ_get")
    static native int environGet(Address pointers, Address text);

    @Import(module = MODULE, name = "clock_time_get")
    static native int clockTimeGet(int clock, long precision, Address nanoseconds);

    @Import(module = MODULE, name = "random_get")
    static native int randomGet(Address buffer, int size);

    @Import(module = MODULE, name = "poll_oneoff")
    static native int pollOneoff(Address subscriptions, Address events, int count, Address ready);

    @Import(module = MODULE, name = "proc_exit")
    static native void procExit(int status);

    @Import(module = MODULE, name = "fd_read")
    static native int fdRead(int descriptor, Address vectors, int count, Address size);

    @Import(module = MODULE, name = "fd_write")
    static native int fdWrite(int descriptor, Address vectors, int count, Address size);

    @Import(module = MODULE, name = "fd_close")
    static native int fdClose(int descriptor);

    @Import(module = MODULE, name = "path_open")
    static native short pathOpen(int folder, int lookup, Address path, int length, short create,
            long rights, long inherited, short flags, FdResult opened);

    @Import(module = MODULE, name = "sock_accept")
    static native int sockAccept(int descriptor, int flags, Address accepted);
}
