// Numbers the lines of standard input, in capitals.
package main

import (
	"bufio"
	"fmt"
	"os"
)

func main() {
	out := bufio.NewWriter(os.Stdout)
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 16<<20) // the longest line
	count := 0
	for lines.Scan() {
		count++
		fmt.Fprintf(out, "%d %s\n", count, capitals(lines.Bytes()))
	}
	if err := lines.Err(); err != nil {
		fail(err.Error(), 1)
	}
	if count == 0 {
		fail("no input", 2)
	}
	if err := out.Flush(); err != nil {
		fail(err.Error(), 1)
	}
}

// capitals changes the letters a to z; all else stays as it is.
func capitals(line []byte) []byte {
	for i, b := range line {
		if 'a' <= b && b <= 'z' {
			line[i] = b - 'a' + 'A'
		}
	}
	return line
}

func fail(message string, status int) {
	fmt.Fprintln(os.Stderr, message)
	os.Exit(status)
}
