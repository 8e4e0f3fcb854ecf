// A client of HTTPS on the connection that the keep opens as descriptor 3, the fourth of the
// [[files]] in Enarx.toml.  TLS begins in the keep, which checks the server: the program speaks
// plain HTTP, and so its URL says http.
package main

import (
	"context"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"syscall"
)

const socket = 3

func main() {
	client := http.Client{Transport: &http.Transport{DialContext: connection}}
	response, err := client.Get("http://example.com/")
	if err != nil {
		log.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		log.Fatal(response.Status)
	}
	if _, err := io.Copy(os.Stdout, response.Body); err != nil {
		log.Fatal(err)
	}
}

// connection is the one that is open already, whatever address is asked for.
func connection(context.Context, string, string) (net.Conn, error) {
	// Go waits in poll_oneoff only for descriptors that are non-blocking when it first sees
	// them; otherwise reading would stop every goroutine.
	if err := syscall.SetNonblock(socket, true); err != nil {
		return nil, err
	}
	return net.FileConn(os.NewFile(socket, "server"))
}
