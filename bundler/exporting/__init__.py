"""The journey of an export: listed → resolved → judged → planned → copied → sealed. One stage a module."""
