"""The table of all entries. Only a failure and ``explain`` load it."""

from __future__ import annotations

from bundler.core.advice.bundles import CHANNELS, CONTENT, NEEDS, SBOMS
from bundler.core.advice.machine import NO_FONT, NO_SPACE, SETTINGS, USAGE
from bundler.core.advice.network import NETWORK
from bundler.core.advice.registry import ACCESS, STATE
from bundler.core.advice.trust import NOTATION, TRUST

ENTRIES = (
    *ACCESS,
    *NETWORK,
    *STATE,
    NO_SPACE,
    *TRUST,
    *NEEDS,
    *CHANNELS,
    *SETTINGS,
    *NOTATION,
    *SBOMS,
    NO_FONT,
    *CONTENT,
    USAGE,
)
"""In the order of ``bundler explain``."""

ADVICE = {entry.code: entry for entry in ENTRIES}

OF_EXIT_CODES = {
    2: "usage",
    4: "damaged",
    5: "unknown-signer",
    6: "refused",
    7: "registry-failed",
    8: "no-space",
    9: "incomplete",
}
"""The entry that ``bundler explain`` prints for an exit code."""
