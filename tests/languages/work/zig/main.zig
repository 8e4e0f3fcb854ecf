//! The work program in Zig: see ../reference.py for what it must print.
const std = @import("std");

const Word = struct { text: []const u8, count: usize };

fn before(_: void, a: Word, b: Word) bool {
    if (a.count != b.count) return a.count > b.count;
    return std.mem.order(u8, a.text, b.text) == .lt; // UTF-8 sorts by code point
}

fn words(gpa: std.mem.Allocator, text: []const u8, out: *std.Io.Writer) !void {
    var counts: std.StringHashMapUnmanaged(usize) = .empty;
    var total: usize = 0;
    var pieces = std.mem.tokenizeAny(u8, text, " \t\n\r\x0b\x0c");
    while (pieces.next()) |piece| : (total += 1) {
        const word = try std.ascii.allocLowerString(gpa, piece);
        const found = try counts.getOrPutValue(gpa, word, 0);
        found.value_ptr.* += 1;
    }
    var ranked: std.ArrayList(Word) = .empty;
    var all = counts.iterator();
    while (all.next()) |one| try ranked.append(gpa, .{ .text = one.key_ptr.*, .count = one.value_ptr.* });
    std.mem.sort(Word, ranked.items, {}, before);
    try out.print("words: {d}\n", .{total});
    for (ranked.items[0..@min(3, ranked.items.len)]) |word| try out.print("{d} {s}\n", .{ word.count, word.text });
}

fn json(gpa: std.mem.Allocator, text: []const u8, out: *std.Io.Writer) !void {
    const Input = struct { numbers: []const i64, name: []const u8 };
    const given = try std.json.parseFromSliceLeaky(Input, gpa, text, .{});
    var sum: i64 = 0;
    for (given.numbers) |number| sum += number;
    const summary = .{ .count = given.numbers.len, .name = given.name, .sum = sum };
    try out.print("json: {f}\n", .{std.json.fmt(summary, .{})});
}

fn sha256(gpa: std.mem.Allocator, out: *std.Io.Writer) !void {
    const data = try gpa.alloc(u8, 1 << 20);
    for (data, 0..) |*byte, i| byte.* = @truncate(i * 7 + 3);
    var digest: [32]u8 = undefined;
    std.crypto.hash.sha2.Sha256.hash(data, &digest, .{});
    try out.print("sha256: {x}\n", .{&digest});
}

/// The folder mounted at *path*; in WASI there is no other way to one.
fn mounted(init: std.process.Init, path: []const u8) ?std.Io.Dir {
    const found = init.preopens.get(path) orelse return null;
    return found.dir;
}

fn scratch(init: std.process.Init, gpa: std.mem.Allocator) []const u8 {
    const io = init.io;
    const folder = mounted(init, "/scratch") orelse return "no scratch";
    folder.writeFile(io, .{ .sub_path = "work.txt", .data = "scratch" }) catch return "no scratch";
    const back = folder.readFileAlloc(io, "work.txt", gpa, .limited(64)) catch return "failed";
    return if (std.mem.eql(u8, back, "scratch")) "ok" else "failed";
}

pub fn main(init: std.process.Init) !u8 {
    const io = init.io;
    const gpa = init.arena.allocator();
    var read_buffer: [4096]u8 = undefined;
    var write_buffer: [4096]u8 = undefined;
    var reader = std.Io.File.stdin().reader(io, &read_buffer);
    var writer = std.Io.File.stdout().writer(io, &write_buffer);
    const out = &writer.interface;
    try words(gpa, try reader.interface.allocRemaining(gpa, .unlimited), out);
    const data = mounted(init, "/data") orelse return error.NoData;
    try json(gpa, try data.readFileAlloc(io, "in.json", gpa, .unlimited), out);
    try sha256(gpa, out);
    try out.print("env: {s}\nargs: ", .{init.environ_map.get("WORK_GREETING") orelse ""});
    const arguments = try init.minimal.args.toSlice(gpa);
    for (arguments[1..], 0..) |argument, i| try out.print("{s}{s}", .{ if (i > 0) "," else "", argument });
    try out.print("\nfile: {s}\n", .{scratch(init, gpa)});
    const now = std.Io.Clock.real.now(io);
    try out.print("time {s}\n", .{if (now.toSeconds() > 1_577_836_800) "ok" else "wrong"});
    var one: [16]u8 = undefined;
    var two: [16]u8 = undefined;
    try io.randomSecure(&one);
    try io.randomSecure(&two);
    try out.print("random {s}\n", .{if (std.mem.eql(u8, &one, &two)) "wrong" else "ok"});
    try out.flush();
    return 7;
}
