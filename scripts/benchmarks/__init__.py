"""Measures bundler, the usual method (skopeo and a pipeline) and the floor (curl, no hash).

All three carry the same images in turns: from a registry to disk, and from disk to an empty registry. So other work of
the machine slows all of them alike. Medians and ratios count; seconds are those of this machine. docs/performance.md
describes the comparison. Every timed part is one process tree. Its result is checked afterwards, so that no figure is
good because the work was not done.

Each feature, such as parity or serving, is measured by itself, next to another method that does the same.
"""
