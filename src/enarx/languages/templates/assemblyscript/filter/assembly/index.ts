// Bytes, not strings: what is not UTF-8 goes through as it is.
const NEWLINE: u8 = 10;
const SPACE: u8 = 32;
const LONGEST_NUMBER = 12; // with its space
const input = new ArrayBuffer(65536);
const output = new ArrayBuffer(65536);
const bytes = Uint8Array.wrap(input);
const out = Uint8Array.wrap(output);

let length = 0;
let line = 0;
let previous = NEWLINE;
for (let got = process.stdin.read(input); got > 0; got = process.stdin.read(input)) {
  for (let i = 0; i < got; i++) {
    if (length > out.length - LONGEST_NUMBER) flush();
    if (previous == NEWLINE) number(++line);
    previous = bytes[i];
    out[length++] = previous >= 97 && previous <= 122 ? previous - 32 : previous;
  }
}
flush();
if (line == 0) {
  process.stderr.write("no input\n");
  process.exit(2);
}

function number(value: i32): void {
  const digits = value.toString();
  for (let i = 0; i < digits.length; i++) out[length++] = <u8>digits.charCodeAt(i);
  out[length++] = SPACE;
}

function flush(): void {
  if (length > 0) process.stdout.write(output.slice(0, length));
  length = 0;
}
