"""The values of flags: of ``--map``, ``--on-conflict``, ``--max-severity`` and ``--layer-compression``."""

from __future__ import annotations

KEEP, SCOPED, FLATTEN = "keep", "scoped", "flatten"
MAPPINGS = (KEEP, SCOPED, FLATTEN)
"""Drop the registry that an image came from; keep it as the first part of the path; join all parts to one."""

FAIL, SKIP, REPLACE, SUFFIX = "fail", "skip", "replace", "suffix"
CONFLICT_POLICIES = (FAIL, SKIP, REPLACE, SUFFIX)
"""Stop before any byte is sent; keep the existing image; move the tag; push under a second tag."""

SEVERITIES = ("negligible", "low", "medium", "high", "critical")
"""Of findings of scanners, in their order."""

LAYER_COMPRESSIONS = ("gzip", "zstd", "none")
"""Of layers that a source holds without compression. The first is the default."""
