"""``bundler copy`` and ``bundler spread``: put a finished bundle on media, byte for byte."""
