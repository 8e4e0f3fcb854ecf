// An HTTP server on the listening socket that the keep opens as descriptor 3, the fourth of the
// [[files]] in Enarx.toml.  TLS begins and ends in the keep: the program sees plain HTTP.
package main

import (
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"sync/atomic"
	"syscall"
)

const socket = 3

var answered atomic.Int64

func main() {
	// Go waits in poll_oneoff only for descriptors that are non-blocking when it first sees
	// them; otherwise Accept would stop every goroutine.
	if err := syscall.SetNonblock(socket, true); err != nil {
		log.Fatal(err)
	}
	listener, err := net.FileListener(os.NewFile(socket, "listen"))
	if err != nil {
		log.Fatal(err)
	}
	http.HandleFunc("/", answer)
	server := &http.Server{}
	server.SetKeepAlivesEnabled(false)
	fmt.Println("serving")
	log.Fatal(server.Serve(listener))
}

func answer(w http.ResponseWriter, r *http.Request) {
	count := answered.Add(1)
	switch r.URL.Path {
	case "/":
		fmt.Fprintln(w, "hello from Go in a keep")
	case "/count":
		fmt.Fprintln(w, count)
	default:
		http.Error(w, "there is only / and /count", http.StatusNotFound)
	}
}
