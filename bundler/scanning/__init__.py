"""The command ``scan``: a bundle goes through scanners, and a signed record says what they found."""
