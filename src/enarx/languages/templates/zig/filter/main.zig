const std = @import("std");

pub fn main(init: std.process.Init) !u8 {
    var read_buffer: [65536]u8 = undefined;
    var write_buffer: [65536]u8 = undefined;
    var reader = std.Io.File.stdin().reader(init.io, &read_buffer);
    var writer = std.Io.File.stdout().writer(init.io, &write_buffer);
    const in = &reader.interface;
    const out = &writer.interface;
    var number: usize = 0;
    while (try in.takeDelimiter('\n')) |line| {
        number += 1;
        for (line) |*letter| letter.* = std.ascii.toUpper(letter.*);
        try out.print("{d} {s}\n", .{ number, line });
    }
    try out.flush();
    if (number == 0) {
        try std.Io.File.stderr().writeStreamingAll(init.io, "no input\n");
        return 2;
    }
    return 0;
}
