"""Reports for people: results of other verbs as pages that they read, print, sign and file."""
