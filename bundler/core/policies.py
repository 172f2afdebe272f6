"""What a run is told in one word: how names are made, and what happens to tags that are taken."""

from __future__ import annotations

KEEP, SCOPED, FLATTEN = "keep", "scoped", "flatten"
MAPPINGS = (KEEP, SCOPED, FLATTEN)
"""Drop the registry that an image came from; keep it as the first part of the path; make one part of all."""

FAIL, SKIP, REPLACE, SUFFIX = "fail", "skip", "replace", "suffix"
CONFLICT_POLICIES = (FAIL, SKIP, REPLACE, SUFFIX)
"""Stop before a byte moves; keep what is there; move the tag; push under another tag beside it."""
