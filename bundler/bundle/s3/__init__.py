"""S3 as a file system for bundles: the files of a bundle are objects with one prefix. FORMAT.md, section 10.4."""
