"""The sections of reports, one file each. They take values; a section with nothing to say is None."""
