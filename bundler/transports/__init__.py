"""Transports: how places that hold images are spelt and opened, one file each. `bundler.transport_table` lists them."""
