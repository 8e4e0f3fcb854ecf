"""The keep's sockets: plain and TLS streams and listeners over descriptors the broker passes in."""
