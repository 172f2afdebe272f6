"""What things are: values and the pure functions on them. No files, network, clock or threads in here."""
