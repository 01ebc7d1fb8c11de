"""Settings that every peer and the limit share with the product."""

control_socket_disable = True
keepalive = 75
loglevel = "warning"
