"""The gateway's rules without any I/O: bytes and values in, bytes, values and decisions out."""
