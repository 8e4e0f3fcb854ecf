// Bytes, not strings: what is not UTF-8 goes through as it is.
const NEWLINE: u8 = 10;
const buffer = new ArrayBuffer(65536);
const bytes = Uint8Array.wrap(buffer);

let line = 0;
let previous = NEWLINE;
for (let got = process.stdin.read(buffer); got > 0; got = process.stdin.read(buffer)) {
  let from = 0;
  for (let i = 0; i < got; i++) {
    if (previous == NEWLINE) {
      write(from, i);
      process.stdout.write((++line).toString() + " ");
      from = i;
    }
    previous = bytes[i];
    if (previous >= 97 && previous <= 122) bytes[i] -= 32;
  }
  write(from, got);
}
if (line == 0) {
  process.stderr.write("no input\n");
  process.exit(2);
}

function write(from: i32, to: i32): void {
  if (to > from) process.stdout.write(buffer.slice(from, to));
}
