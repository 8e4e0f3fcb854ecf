"""HTTP/1.1 of a keep: a strict codec, a server and a client, which know no components."""
