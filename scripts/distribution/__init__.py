"""Builds what a receiver without internet installs bundler from: ``scripts/dist``, docs/tool.md."""
