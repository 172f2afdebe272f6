"""How fast bundler is, beside the way people do it today (skopeo and a pipeline) and the floor (curl, no hash).

All three carry the same images, registry to disk and disk to an empty registry, in turns, so that whatever else the
machine does hurts all alike; medians and ratios are what counts, seconds are this machine's. What is compared is in
docs/performance.md. Every timed part is one process tree that is started and waited for; what it did is looked at
afterwards, so nothing is fast because it did not do its work.
"""
