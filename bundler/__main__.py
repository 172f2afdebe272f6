"""Lets ``python -m bundler`` do what the ``bundler`` command does."""

from bundler.cli import main

main()
