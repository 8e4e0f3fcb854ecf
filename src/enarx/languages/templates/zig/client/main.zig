const std = @import("std");
const wasi = std.os.wasi;

const stdout = 1;
const stderr = 2;
const server = 3; // the fourth of [[files]] in Enarx.toml

/// HTTP/1.0: the answer comes whole, and ends with the connection.
const request = "GET / HTTP/1.0\r\nHost: example.com\r\n\r\n";

fn writeAll(descriptor: wasi.fd_t, text: []const u8) !void {
    var left = text;
    while (left.len > 0) {
        var pieces = [_]wasi.ciovec_t{.{ .base = left.ptr, .len = left.len }};
        var written: usize = 0;
        if (wasi.fd_write(descriptor, &pieces, 1, &written) != .SUCCESS) return error.CannotWrite;
        left = left[written..];
    }
}

/// Read until *buffer* is full or the other side has ended.
fn readAll(descriptor: wasi.fd_t, buffer: []u8) ![]const u8 {
    var length: usize = 0;
    while (length < buffer.len) {
        var pieces = [_]wasi.iovec_t{.{ .base = buffer.ptr + length, .len = buffer.len - length }};
        var got: usize = 0;
        if (wasi.fd_read(descriptor, &pieces, 1, &got) != .SUCCESS) return error.CannotRead;
        if (got == 0) return buffer[0..length];
        length += got;
    }
    return error.TooLong;
}

var space: [4 << 20]u8 = undefined;

// Not std.process.Init: it takes every open descriptor for a folder, and stops at the socket.
pub fn main(_: std.process.Init.Minimal) !void {
    try writeAll(server, request);
    const answer = try readAll(server, &space);
    const end = std.mem.indexOf(u8, answer, "\r\n\r\n") orelse return error.NoAnswer;
    const status = answer[0..std.mem.indexOf(u8, answer, "\r\n").?];
    if (!std.mem.startsWith(u8, status, "HTTP/1.") or !std.mem.startsWith(u8, status[8..], " 200 ")) {
        try writeAll(stderr, status);
        try writeAll(stderr, "\n");
        return error.NotFound;
    }
    try writeAll(stdout, answer[end + 4 ..]);
}
