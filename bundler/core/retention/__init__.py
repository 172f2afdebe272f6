"""Retention: which tags of a registry stay, which go, and which manifests go with them. Pure: the registry was read."""
