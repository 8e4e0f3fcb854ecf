"""Numbers the lines of standard input, in capitals."""

import sys


def main() -> int:
    """Copy; the exit status."""
    count = 0
    for count, line in enumerate(sys.stdin.buffer, 1):  # bytes.upper changes a to z alone
        sys.stdout.buffer.write(b"%d %s\n" % (count, line.rstrip(b"\n").upper()))
    if count == 0:
        print("no input", file=sys.stderr)
        return 2
    return 0


sys.exit(main())
