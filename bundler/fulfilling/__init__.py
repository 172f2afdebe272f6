"""``bundler fulfil``: makes parts of a bundle again, as a need-list asks."""
