"""Which keys are trusted, and which keys sign. Passphrases and private keys are read here only."""
