"""Runs in the one-file bundler before anything else: says in plain words if this Python cannot run it."""

import platform
import sys

if not (3, 10) <= sys.version_info[:2] <= (3, 14):
    sys.exit(
        f"error: bundler needs Python 3.10 to 3.14, and this is {platform.python_version()}\n"
        "  -> name another one: python3.11 FILE; or use python3 restore.py of the bundle, which needs 3.6"
    )
