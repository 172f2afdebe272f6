"""Measures bundler, the way people do it today (skopeo and a pipeline) and the floor (curl, no hash).

All three carry the same images, registry to disk and disk to an empty registry, in turns, so that whatever else the
machine does hurts all alike; medians and ratios count, seconds are this machine's. docs/performance.md says what is
compared. Every timed part is one process tree that is started and waited for. Its result is checked afterwards, so
nothing is fast because it did not do its work.
"""
