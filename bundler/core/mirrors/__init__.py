"""Files that let clusters pull images from a mirror under their original names. Pure: names in, texts out.

`placed` finds out how the names at the mirror follow from the original ones; each other module writes one kind of file.
"""
