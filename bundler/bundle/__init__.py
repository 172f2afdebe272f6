"""How a bundle lies on disk: writing, reading, checking and signing it. FORMAT.md beside this file specifies it."""
