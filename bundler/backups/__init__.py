"""Backups: a whole registry as a bundle, and back."""
