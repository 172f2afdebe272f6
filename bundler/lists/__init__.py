"""Readers of the lists of other tools, one file a kind: values in, images and everything else with its line out.

Each reader yields `Found` for an image, `NoImage` for a part that is no image, and a `Misuse` for an error, so that one
run reports all of them. `table` chooses the reader by the content.
"""
