// The work program in Go: see ../reference.py for what it must print.
package main

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"sort"
	"strings"
	"time"
)

const status = 7

func main() {
	words()
	document()
	digest()
	fmt.Println("env:", os.Getenv("WORK_GREETING"))
	fmt.Println("args:", strings.Join(os.Args[1:], ","))
	fmt.Println("file:", scratch("/scratch/work.txt"))
	fmt.Println("time", ok(time.Now().After(time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC))))
	fmt.Println("random", ok(random() != random()))
	os.Exit(status)
}

func words() {
	text, err := io.ReadAll(os.Stdin)
	check(err)
	counts := map[string]int{}
	found := strings.FieldsFunc(string(text), func(r rune) bool {
		return strings.ContainsRune(" \t\n\v\f\r", r)
	})
	for _, word := range found {
		counts[strings.Map(lower, word)]++
	}
	ranked := make([]string, 0, len(counts))
	for word := range counts {
		ranked = append(ranked, word)
	}
	sort.Slice(ranked, func(i, j int) bool {
		a, b := ranked[i], ranked[j]
		return counts[a] > counts[b] || counts[a] == counts[b] && a < b
	})
	fmt.Println("words:", len(found))
	for _, word := range ranked[:min(3, len(ranked))] {
		fmt.Println(counts[word], word)
	}
}

// lower changes the letters A to Z.
func lower(r rune) rune {
	if 'A' <= r && r <= 'Z' {
		return r - 'A' + 'a'
	}
	return r
}

func document() {
	var given struct {
		Numbers []int
		Name    string
	}
	text, err := os.ReadFile("/data/in.json")
	check(err)
	check(json.Unmarshal(text, &given))
	sum := 0
	for _, number := range given.Numbers {
		sum += number
	}
	made, err := json.Marshal(map[string]any{
		"name": given.Name, "sum": sum, "count": len(given.Numbers),
	})
	check(err)
	fmt.Printf("json: %s\n", made)
}

func digest() {
	data := make([]byte, 1<<20)
	for i := range data {
		data[i] = byte(i*7 + 3)
	}
	fmt.Printf("sha256: %x\n", sha256.Sum256(data))
}

func scratch(path string) string {
	if os.WriteFile(path, []byte("scratch"), 0o600) != nil {
		return "no scratch"
	}
	back, err := os.ReadFile(path)
	if err != nil || !bytes.Equal(back, []byte("scratch")) {
		return "failed"
	}
	return "ok"
}

func random() [16]byte {
	var bytes [16]byte
	_, err := rand.Read(bytes[:])
	check(err)
	return bytes
}

func ok(is bool) string {
	if is {
		return "ok"
	}
	return "wrong"
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
