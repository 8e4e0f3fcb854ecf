// An HTTP server on the listening socket that the keep opened as descriptor 3.
package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"syscall"
)

func main() {
	// Go waits in poll_oneoff only for descriptors that are non-blocking when it first sees them;
	// otherwise accept() would stop every goroutine.
	syscall.SetNonblock(3, true)
	listener, err := net.FileListener(os.NewFile(3, "listen"))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	stop := make(chan struct{})
	http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "go serves %s\n", r.URL.Path)
	})
	http.HandleFunc("/stop", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintln(w, "stopping")
		close(stop)
	})
	server := &http.Server{}
	go func() {
		<-stop
		server.Shutdown(context.Background())
		os.Exit(3)
	}()
	server.Serve(listener)
	select {}
}
