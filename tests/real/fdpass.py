"""Open a TCP connection and hand its socket to ssh: a ProxyCommand for `ProxyUseFdpass yes`.

Started inside a network namespace it gives an ssh client outside a true connection from within, with
no relay in between.
"""

import socket
import sys


def main(host: str, port: str) -> None:
    """Connect and send the descriptor over standard output, which ssh made a UNIX socket."""
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.setblocking(True)
        with socket.socket(fileno=1) as ssh:
            socket.send_fds(ssh, [b"\0"], [connection.fileno()])


if __name__ == "__main__":
    main(*sys.argv[1:])
