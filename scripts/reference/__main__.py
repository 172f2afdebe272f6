"""The command: ``scripts/pages``."""

from __future__ import annotations

import sys

from reference.pages import made, write

if __name__ == "__main__":
    for changed in write(made()):
        print(changed)
    sys.exit()
