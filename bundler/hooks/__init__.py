"""External programs and services: each one has a file. They are started or asked here, and nowhere else.

Scanners: `engines` finds one by its name. Each is a `bundler.core.scan.Engine`.
Services that distribute images: `preheat` finds one by its kind. Each is a `bundler.hooks.jobs.Preheater`.
"""
