"""The bundle format on disk."""
