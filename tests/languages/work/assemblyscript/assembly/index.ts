// The work program in AssemblyScript: see ../../reference.py for what it must print.
import { summary } from "./json";
import { hexadecimal } from "./sha256";
import { readAll, readText, writeText } from "./wasi";

class Word {
  constructor(public text: string, public count: i32) {}
}

/** The order of code points, which is not that of UTF-16's units. */
function compare(a: string, b: string): i32 {
  let i = 0;
  while (i < min(a.length, b.length) && a.charCodeAt(i) == b.charCodeAt(i)) i++;
  if (i > 0 && a.charCodeAt(i - 1) >>> 10 == 0x36) i--; // back to the beginning of a pair
  const left = i < a.length ? a.codePointAt(i) : -1;
  const right = i < b.length ? b.codePointAt(i) : -1;
  return left - right;
}

function words(): void {
  const bytes = readAll(0);
  const counts = new Map<string, i32>();
  let total = 0;
  let from = 0;
  for (let i = 0; i <= bytes.length; i++) {
    const c: u8 = i < bytes.length ? bytes[i] : 32;
    if (c >= 65 && c <= 90) bytes[i] = c + 32;
    if (c != 32 && (c < 9 || c > 13)) continue;
    if (i > from) {
      const word = String.UTF8.decodeUnsafe(bytes.dataStart + from, i - from);
      counts.set(word, (counts.has(word) ? counts.get(word) : 0) + 1);
      total++;
    }
    from = i + 1;
  }
  const keys = counts.keys();
  const ranked = new Array<Word>();
  for (let i = 0; i < keys.length; i++) ranked.push(new Word(keys[i], counts.get(keys[i])));
  ranked.sort((a, b) => (a.count != b.count ? b.count - a.count : compare(a.text, b.text)));
  console.log(`words: ${total}`);
  for (let i = 0; i < min(3, ranked.length); i++) console.log(`${ranked[i].count} ${ranked[i].text}`);
}

function scratch(): string {
  if (!writeText("/scratch", "work.txt", "scratch")) return "no scratch";
  return readText("/scratch", "work.txt") == "scratch" ? "ok" : "failed";
}

function random(): string {
  const one = new Uint8Array(16), two = new Uint8Array(16);
  crypto.getRandomValues(one);
  crypto.getRandomValues(two);
  return memory.compare(one.dataStart, two.dataStart, 16) ? "ok" : "wrong";
}

words();
const json = readText("/data", "in.json");
console.log("json: " + (json ? summary(json!) : "no file"));
const megabyte = new Uint8Array(1 << 20);
for (let i = 0; i < megabyte.length; i++) megabyte[i] = <u8>(i * 7 + 3);
console.log("sha256: " + hexadecimal(megabyte));
console.log("env: " + (process.env.has("WORK_GREETING") ? process.env.get("WORK_GREETING") : ""));
console.log("args: " + process.argv.slice(1).join(","));
console.log("file: " + scratch());
console.log("time " + (Date.now() > 1577836800000 ? "ok" : "wrong"));
console.log("random " + random());
process.exit(7);
