// The work program in JavaScript: see ../../reference.py for what it must print.
import * as std from "qjs:std";
import { sha256 } from "./sha256.js";

const STATUS = 7;

// By code points: the order of UTF-16's units is another one.
function compare(left, right) {
  const a = [...left], b = [...right];
  for (let at = 0; at < Math.min(a.length, b.length); at++) {
    const difference = a[at].codePointAt(0) - b[at].codePointAt(0);
    if (difference) return difference;
  }
  return a.length - b.length;
}

function words() {
  const found = std.in.readAsString().split(/[ \t\n\v\f\r]+/).filter(Boolean)
    .map((word) => word.replace(/[A-Z]/g, (letter) => letter.toLowerCase()));
  const counts = new Map();
  for (const word of found) counts.set(word, (counts.get(word) ?? 0) + 1);
  const ranked = [...counts].sort(([a, n], [b, m]) => m - n || compare(a, b));
  print(`words: ${found.length}`);
  for (const [word, count] of ranked.slice(0, 3)) print(count, word);
}

function json() {
  const { numbers, name } = JSON.parse(std.loadFile("/data/in.json"));
  const sum = numbers.reduce((total, number) => total + number, 0);
  print(`json: ${JSON.stringify({ count: numbers.length, name, sum })}`);
}

function scratch(path) {
  const file = std.open(path, "w");
  if (!file) return "no scratch";
  file.puts("scratch");
  file.close();
  return std.loadFile(path) === "scratch" ? "ok" : "failed";
}

// All that this interpreter has; it is no source of secrets.
const random = () => Array.from({ length: 16 }, () => Math.floor(Math.random() * 256)).join();

words();
json();
print(`sha256: ${sha256(Uint8Array.from({ length: 1 << 20 }, (_, i) => i * 7 + 3))}`);
print(`env: ${std.getenv("WORK_GREETING") ?? ""}`);
print(`args: ${scriptArgs.slice(1).join()}`);
print(`file: ${scratch("/scratch/work.txt")}`);
print(Date.now() > Date.UTC(2020, 0) ? "time ok" : "time wrong");
print(random() !== random() ? "random ok" : "random wrong");
std.exit(STATUS);
