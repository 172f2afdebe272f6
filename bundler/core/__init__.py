"""Values, and the pure functions on them. Nothing in here uses files, the network, a clock or threads."""
