// Numbers the lines of standard input, in capitals.
import * as std from "qjs:std";

const capitals = (line) => line.replace(/[a-z]+/g, (letters) => letters.toUpperCase());

let count = 0;
for (let line; (line = std.in.getline()) !== null; ) {
  std.out.puts(`${++count} ${capitals(line)}\n`);
}
if (count === 0) {
  std.err.puts("no input\n");
  std.exit(2);
}
