"""Labels and slips: what people stick on a medium, and sign when they hand it over.

::

    HandOver ──label, slip──► Page: words, lines, boxes and QR codes, in millimetres ──pdf, svg, html──► a file
            └────text───────► lines of text

`drawing` has the values between them. docs/decisions/0021 says why the PDF is written here.
"""
