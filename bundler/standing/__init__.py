"""The standing of a registry: what is there, what came by which import, and whether all of it is still there."""
