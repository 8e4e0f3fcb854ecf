// The calls of WASI that the shim does not wrap: files.
// @ts-ignore: decorator
@external("wasi_snapshot_preview1", "fd_prestat_get")
declare function fd_prestat_get(fd: i32, out: usize): i32;
// @ts-ignore: decorator
@external("wasi_snapshot_preview1", "fd_prestat_dir_name")
declare function fd_prestat_dir_name(fd: i32, path: usize, length: i32): i32;
// @ts-ignore: decorator
@external("wasi_snapshot_preview1", "path_open")
declare function path_open(
  folder: i32, follow: i32, path: usize, length: i32, how: i32,
  rights: u64, inherited: u64, flags: i32, out: usize
): i32;
// @ts-ignore: decorator
@external("wasi_snapshot_preview1", "fd_read")
declare function fd_read(fd: i32, pieces: usize, count: i32, got: usize): i32;
// @ts-ignore: decorator
@external("wasi_snapshot_preview1", "fd_write")
declare function fd_write(fd: i32, pieces: usize, count: i32, written: usize): i32;
// @ts-ignore: decorator
@external("wasi_snapshot_preview1", "fd_close")
declare function fd_close(fd: i32): i32;

const CREATE = 1, TRUNCATE = 8;
const READ: u64 = 1 << 1, WRITE: u64 = 1 << 6;
const FIRST = 3;

const piece = memory.data(8);
const result = memory.data(8);

/** The file *name* in the mount *folder*, or -1. */
function open(folder: string, name: string, rights: u64, how: i32): i32 {
  const path = String.UTF8.encode(name);
  for (let fd = FIRST; fd_prestat_get(fd, result) == 0; fd++) {
    const length = load<i32>(result, 4);
    const buffer = new ArrayBuffer(length);
    if (fd_prestat_dir_name(fd, changetype<usize>(buffer), length)) continue;
    if (String.UTF8.decode(buffer) != folder) continue;
    if (path_open(fd, 0, changetype<usize>(path), path.byteLength, how, rights, 0, 0, result) == 0)
      return load<i32>(result);
  }
  return -1;
}

/** What descriptor *fd* holds until its end. */
export function readAll(fd: i32): Uint8Array {
  let bytes = new Uint8Array(0);
  const buffer = new Uint8Array(65536);
  while (true) {
    store<usize>(piece, buffer.dataStart);
    store<i32>(piece, buffer.length, 4);
    if (fd_read(fd, piece, 1, result) || !load<i32>(result)) return bytes;
    const longer = new Uint8Array(bytes.length + load<i32>(result));
    longer.set(bytes);
    longer.set(buffer.subarray(0, load<i32>(result)), bytes.length);
    bytes = longer;
  }
}

/** The text of a file; null if it cannot be opened. */
export function readText(folder: string, name: string): string | null {
  const fd = open(folder, name, READ, 0);
  if (fd < 0) return null;
  const bytes = readAll(fd);
  fd_close(fd);
  return String.UTF8.decode(bytes.buffer);
}

/** Write a file; whether it could be. */
export function writeText(folder: string, name: string, text: string): bool {
  const fd = open(folder, name, WRITE, CREATE | TRUNCATE);
  if (fd < 0) return false;
  const bytes = String.UTF8.encode(text);
  store<usize>(piece, changetype<usize>(bytes));
  store<i32>(piece, bytes.byteLength, 4);
  const failed = fd_write(fd, piece, 1, result);
  fd_close(fd);
  return !failed;
}
