"""Trusted keys and signing keys. Only this package reads passphrases and private keys."""
