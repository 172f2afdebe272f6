"""ImageDigestMirrorSet and ImageTagMirrorSet of OpenShift 4.13 and later.

Source: openshift/api, config/v1 (imagedigestmirrorset and imagetagmirrorset CRDs): the most specific ``source``
decides; ``NeverContactSource`` needs at least one mirror.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from bundler.core.mirrors.files import Mirror, MirrorFile, MirrorFiles, text_file
from bundler.core.mirrors.placed import Placement
from bundler.core.mirrors.podman import redirects
from bundler.core.quoted import quoted

KIND = "openshift"
_SETS = (("ImageDigestMirrorSet", "imageDigestMirrors", "idms"), ("ImageTagMirrorSet", "imageTagMirrors", "itms"))


def openshift_files(placement: Placement, mirror: Mirror) -> MirrorFiles:
    """Writes the set for pulls by digest and the set for pulls by tag."""
    if not placement.origins:
        return MirrorFiles(KIND, (), placement.not_mirrored)
    sets = tuple(_set(placement, mirror, *each) for each in _SETS)
    authorities = (_authorities(mirror),) if mirror.authorities else ()
    return MirrorFiles(KIND, (*sets, *authorities), placement.not_mirrored)


def _set(placement: Placement, mirror: Mirror, kind: str, field: str, stem: str) -> MirrorFile:
    plain = (
        ("The mirror speaks plain HTTP: add it to spec.registrySources.insecureRegistries of image.config/cluster.", "")
        if mirror.is_plain
        else ()
    )
    comment = (
        f"OpenShift: images come from {mirror.registry}. Made by bundler mirrors.",
        "",
        f"Run: oc apply -f {stem}.yaml",
        "The machine config operator changes the nodes one after the other; restart nothing yourself.",
        "Watch it with: oc get machineconfigpool",
        "",
        *plain,
        "NeverContactSource: the original registries are never asked.",
    )
    return text_file(f"{KIND}/{stem}.yaml", comment, list(_lines(placement, mirror, kind, field)))


def _lines(placement: Placement, mirror: Mirror, kind: str, field: str) -> Iterator[str]:
    yield "apiVersion: config.openshift.io/v1"
    yield f"kind: {kind}"
    yield "metadata:"
    yield f"  name: {quoted(_name(mirror))}"
    yield "spec:"
    yield f"  {field}:"
    for source, target in redirects(placement, mirror):
        yield f"    - source: {quoted(source)}"
        yield "      mirrors:"
        yield f"        - {quoted(target)}"
        yield "      mirrorSourcePolicy: NeverContactSource"


def _authorities(mirror: Mirror) -> MirrorFile:
    """The ConfigMap with the authority. A key cannot have a colon, so the port follows two dots."""
    name = f"{_name(mirror)}-ca"
    patch = f'{{"spec":{{"additionalTrustedCA":{{"name":"{name}"}}}}}}'
    comment = (
        f"OpenShift: the authority that has signed the certificate of {mirror.registry}. Made by bundler mirrors.",
        "",
        "Run: oc apply -f registry-ca.yaml",
        f"     oc patch image.config.openshift.io/cluster --type=merge --patch '{patch}'",
        "If spec.additionalTrustedCA names a ConfigMap already, add this key to that one instead.",
    )
    lines = (
        "apiVersion: v1",
        "kind: ConfigMap",
        "metadata:",
        f"  name: {quoted(name)}",
        "  namespace: openshift-config",
        "data:",
        f"  {quoted(mirror.registry.replace(':', '..'))}: {quoted(mirror.authorities.decode('utf-8', 'replace'))}",
    )
    return text_file(f"{KIND}/registry-ca.yaml", comment, lines)


def _name(mirror: Mirror) -> str:
    """A name for objects in Kubernetes, one for each mirror (RFC 1123 subdomain)."""
    return "bundler-" + re.sub(r"[^a-z0-9.]+", "-", mirror.registry.lower()).strip("-.")
