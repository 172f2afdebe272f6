"""The machine: folders, locks, signals, memory, scratch files. Knows no image and no bundle."""
