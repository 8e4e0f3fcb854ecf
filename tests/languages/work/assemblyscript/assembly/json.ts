// JSON: as much of it as one object of numbers and strings needs.

let text = "";
let at = 0;

/** The compact summary of {"name": …, "numbers": […]}. */
export function summary(json: string): string {
  text = json;
  at = 0;
  let name = "";
  let sum: i64 = 0;
  let count = 0;
  skip("{");
  while (peek() == '"') {
    const key = readString();
    skip(":");
    if (key == "name") {
      name = readString();
    } else {
      skip("[");
      while (peek() != "]") {
        sum += readNumber();
        count++;
        skip(",");
      }
      skip("]");
    }
    skip(",");
  }
  name = name.replaceAll("\\", "\\\\").replaceAll('"', '\\"');
  return `{"count":${count},"name":"${name}","sum":${sum}}`;
}

function peek(): string {
  while (" \n\r\t".includes(text.charAt(at))) at++;
  return text.charAt(at);
}

function skip(wanted: string): void {
  if (peek() == wanted) at++;
}

function readNumber(): i64 {
  peek();
  const from = at;
  while ("-0123456789".includes(text.charAt(at))) at++;
  return i64.parse(text.substring(from, at));
}

function readString(): string {
  let found = "";
  skip('"');
  for (let c = text.charAt(at++); c != '"'; c = text.charAt(at++)) {
    if (c != "\\") {
      found += c;
      continue;
    }
    const escape = text.charAt(at++);
    if (escape == "u") {
      found += String.fromCharCode(<i32>parseInt(text.substr(at, 4), 16));
      at += 4;
    } else {
      found += escape == "n" ? "\n" : escape == "t" ? "\t" : escape;
    }
  }
  return found;
}
