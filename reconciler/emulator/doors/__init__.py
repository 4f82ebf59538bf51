"""How calls arrive: in process, by a socket, through CONNECT; and the certificates and variables for it."""
