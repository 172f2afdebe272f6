"""The reference: the pages and tables of docs/ that follow from the code, and the manual page. Held by tests."""
