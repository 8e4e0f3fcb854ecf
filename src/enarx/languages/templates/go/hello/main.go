// Prints a greeting and its arguments.
package main

import (
	"fmt"
	"os"
)

func main() {
	fmt.Println("hello from Go in a keep")
	for _, argument := range os.Args[1:] {
		fmt.Println("argument:", argument)
	}
}
