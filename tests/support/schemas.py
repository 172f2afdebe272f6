"""CycloneDX's own judge of SBOMs. It is loaded when a test asks: that alone takes two seconds, of each process that collects tests."""

from __future__ import annotations


def sbom_error(text: str) -> object:
    """The error in a document of CycloneDX 1.6 as JSON; None if it is valid and has nothing that the schema does not know."""
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    return JsonStrictValidator(SchemaVersion.V1_6).validate_str(text)
