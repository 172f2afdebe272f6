"""Pages for browsers and paper: one file, no script, nothing that is loaded.

`elements` is the only door for text, `page` the frame, ``style.css`` the looks; `parts` has what pages have in common.
"""
