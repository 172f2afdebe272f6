"""The journey of an export: listed → resolved → planned → copied → sealed. One stage a module."""
