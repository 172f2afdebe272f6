"""Bills of material (SBOMs) that images carry: where they are, and what they list. Pure functions of bytes.

::

    manifest of an attachment ──places──► Place: a blob, and its wrapping
                                             │ bytes
                                             ▼
                            unwrapped ──► SPDX or CycloneDX JSON ──document──► Sbom: packages

An SBOM has the word of its maker only. Signatures of it are judged elsewhere: see `bundler.core.policy`.
"""

from bundler.core.sbom.document import Package, Sbom, parse_sbom, unwrapped
from bundler.core.sbom.places import Place, Wrapping, places_in

__all__ = ["Package", "Place", "Sbom", "Wrapping", "parse_sbom", "places_in", "unwrapped"]
