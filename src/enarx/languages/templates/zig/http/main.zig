const std = @import("std");
const wasi = std.os.wasi;

const stdout = 1;
const listener = 3; // the fourth of [[files]] in Enarx.toml

/// Read until the empty line that ends a request's head; null if there is none.
fn readHead(connection: wasi.fd_t, buffer: []u8) ?[]const u8 {
    var length: usize = 0;
    while (length < buffer.len) {
        var pieces = [_]wasi.iovec_t{.{ .base = buffer.ptr + length, .len = buffer.len - length }};
        var got: usize = 0;
        if (wasi.fd_read(connection, &pieces, 1, &got) != .SUCCESS or got == 0) return null;
        length += got;
        if (std.mem.indexOf(u8, buffer[0..length], "\r\n\r\n") != null) return buffer[0..length];
    }
    return null;
}

/// Write all of *text* to a descriptor; what cannot be written is lost with its reader.
fn writeAll(descriptor: wasi.fd_t, text: []const u8) void {
    var left = text;
    while (left.len > 0) {
        var pieces = [_]wasi.ciovec_t{.{ .base = left.ptr, .len = left.len }};
        var written: usize = 0;
        if (wasi.fd_write(descriptor, &pieces, 1, &written) != .SUCCESS) return;
        left = left[written..];
    }
}

fn answer(connection: wasi.fd_t, status: []const u8, body: []const u8) void {
    var buffer: [512]u8 = undefined;
    const form = "HTTP/1.1 {s}\r\nContent-Type: text/plain\r\nContent-Length: {d}\r\nConnection: close\r\n\r\n{s}";
    writeAll(connection, std.fmt.bufPrint(&buffer, form, .{ status, body.len, body }) catch return);
}

// Not std.process.Init: it takes every open descriptor for a folder, and stops at the socket.
pub fn main(_: std.process.Init.Minimal) !void {
    writeAll(stdout, "serving\n");
    var answered: usize = 0;
    while (true) {
        var connection: wasi.fd_t = undefined;
        if (wasi.sock_accept(listener, .{}, &connection) != .SUCCESS) continue; // a client that gave up
        defer {
            _ = wasi.sock_shutdown(connection, .{ .RD = true, .WR = true });
            _ = wasi.fd_close(connection);
        }
        var buffer: [8192]u8 = undefined;
        const head = readHead(connection, &buffer) orelse continue;
        answered += 1;
        var text: [32]u8 = undefined;
        if (std.mem.startsWith(u8, head, "GET / ")) {
            answer(connection, "200 OK", "hello from Zig in a keep\n");
        } else if (std.mem.startsWith(u8, head, "GET /count ")) {
            answer(connection, "200 OK", try std.fmt.bufPrint(&text, "{d}\n", .{answered}));
        } else {
            answer(connection, "404 Not Found", "there is only / and /count\n");
        }
    }
}
