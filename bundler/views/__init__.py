"""The output for people and programs: progress, reports, errors and JSON documents. Nothing else prints."""
