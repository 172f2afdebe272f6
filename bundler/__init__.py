"""Carries container images across air gaps in signed, checksummed, chunked bundles."""

__version__ = "0.1.0"
