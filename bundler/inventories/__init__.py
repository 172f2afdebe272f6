"""Inventories: what registries, layouts and daemons hold, as signed documents; and how two places differ."""
