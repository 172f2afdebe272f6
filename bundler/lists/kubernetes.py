"""Kubernetes manifests: YAML or JSON, also the output of Helm, Kustomize and kubectl.

Images are certain in the containers of pods (Kubernetes API reference, ``Container.image``, also for init and ephemeral
containers), in image volumes (``volumes[].image.reference``), and in the variables ``RELATED_IMAGE_…`` of operators
(Operator Lifecycle Manager). They are found at any depth, so in each kind that has a pod template.

Other resources (of a CRD) have no such rule. There a key ``image`` or ``…Image`` counts if its value is clearly a
reference, with a tag, a digest or a registry; this gets a note. A value that may be an image but is not taken, as an
argument that looks like a reference, is reported.
"""

from __future__ import annotations

from collections.abc import Iterator

from bundler.core.image_list import NoImage
from bundler.core.patterns import lazy_pattern
from bundler.core.reference import Reference, full_reference, names_registry
from bundler.core.yaml_documents import Document, Mapping, Node, Scalar, Sequence, unrendered
from bundler.errors import Misuse
from bundler.lists.found import Found, Item, Surroundings, left
from bundler.texts import text

_CONTAINERS = frozenset({"containers", "initContainers", "ephemeralContainers"})
_BUILT_IN = lazy_pattern(r"(?:|apps|batch|extensions|policy|autoscaling|(?:[a-z0-9.-]+\.)?k8s\.io)")
"""The API groups of Kubernetes itself. Those of ``x-k8s.io`` are CRDs."""

_IMAGE_KEY = lazy_pattern(r"image|.*Image|baseImage|.*_image")
_RELATED_IMAGE = lazy_pattern(r"RELATED_IMAGE_.*")
_IN_TEXT = lazy_pattern(r"(?:^|[\s\"'{,])[\w-]*[iI]mage[\"']?:[ \t]+[\"']?(?P<image>[\w.:/@-]+)")
_OPTION = lazy_pattern(r"--?[\w.-]+=")
_TEMPLATE = "{{"
_REPOSITORY_KEYS = ("repository", "name", "image")
_TAG_KEYS = ("tag", "version")

_RENDER = text("a chart: render it, and give the output: helm template NAME CHART | bundler images -")
_NOT_HERE = {
    "Application": text("its manifests are in another place: render them, and give the output"),
    "ApplicationSet": text("its manifests are in another place: render them, and give the output"),
    "Chart": _RENDER,
    "GitRepository": text("its manifests are in another place: render them, and give the output"),
    "HelmChart": _RENDER,
    "HelmRelease": _RENDER,
    "Subscription": text("an operator: its images are named by its catalog"),
}
"""Kinds that bring images which their manifest does not name."""


def knows(root: Node) -> bool:
    """True for a mapping with the two fields that each resource has, and for a kustomization, which needs neither."""
    if not isinstance(root, Mapping):
        return False
    has_both = isinstance(root.get("kind"), Scalar) and isinstance(root.get("apiVersion"), Scalar)
    return has_both or _is_bare_kustomization(root)


def _is_bare_kustomization(root: Mapping) -> bool:
    """True for a kustomization without ``kind``: it has the list of the manifests that it changes."""
    return root.get("kind") is None and any(isinstance(root.get(key), Sequence) for key in ("resources", "bases"))


def read(document: Document, surroundings: Surroundings) -> Iterator[Item]:
    """Yields the images of a resource, or of the resources of a ``List``.

    Raises:
        Misuse: It is a kustomization, or has another form than a resource.
    """
    root = document.mapping(document.root)
    kind, api = document.text(root.get("kind")), document.text(root.get("apiVersion"))
    if api.startswith("kustomize.config.k8s.io/") or _is_bare_kustomization(root):
        raise Misuse(
            "a kustomization changes the manifests that it names, and is no list of images",
            subject=document.where(root),
            hint="give its output: kubectl kustomize DIR | bundler images -",
        )
    if kind.endswith("List") and isinstance(root.get("items"), Sequence):
        for item in document.mappings(root.get("items")):
            yield from read(Document(document.source, item), surroundings)
        return
    if kind == "CustomResourceDefinition":
        return  # the keys of its schema have the names of fields, but no values
    resource = _Resource(document, kind, is_built_in=bool(_BUILT_IN.fullmatch(api.rpartition("/")[0])))
    if kind in _NOT_HERE and not resource.is_built_in:
        yield left(document, root, resource.name, _NOT_HERE[kind])
    if kind in ("ConfigMap", "Secret"):
        yield from resource.texts(root, "")
        return
    yield from resource.walk(root, "")


class _Resource:
    """Walks through one resource."""

    def __init__(self, document: Document, kind: str, *, is_built_in: bool) -> None:
        self._document = document
        self.is_built_in = is_built_in
        root = document.mapping(document.root)
        metadata = root.get("metadata")
        name = metadata.get("name") if isinstance(metadata, Mapping) else None
        self.name = f"{kind} {name.text[:80]}" if isinstance(name, Scalar) else kind

    def walk(self, node: Node, path: str) -> Iterator[Item]:
        """Yields what a value and all values in it have. The reader of the document has bounded its depth."""
        if isinstance(node, Sequence):
            for number, each in enumerate(node.nodes):
                if not isinstance(each, Scalar):
                    yield from self.walk(each, f"{path}[{number}]")
            return
        if not isinstance(node, Mapping):
            return
        for key, value in node.pairs:
            name = key.text
            below = f"{path}.{name}" if path else name
            if name in _CONTAINERS and isinstance(value, Sequence):
                for number, each in enumerate(value.nodes):
                    yield from self._container(each, f"{below}[{number}]")
            elif name == "volumes" and isinstance(value, Sequence):
                yield from self._volumes(value, below)
            elif name == "env" and isinstance(value, Sequence):
                yield from self._variables(value, below)
            elif not self.is_built_in and _IMAGE_KEY.fullmatch(name):
                yield from self._custom(node, key, value, below)
            elif not isinstance(value, Scalar):
                yield from self.walk(value, below)

    def texts(self, node: Node, path: str) -> Iterator[Item]:
        """Yields the lines of texts that may name images: a ConfigMap often has the configuration of an operator."""
        if isinstance(node, Scalar):
            if "mage" not in node.text:
                return
            for number, line in enumerate(node.text.split("\n")):
                for match in _IN_TEXT.finditer(line):
                    if _is_clear(match["image"]):
                        at = Scalar(node.line + number + 1 if node.style in ("|", ">") else node.line, "")
                        yield self._perhaps(at, path, match["image"])
            return
        pairs = (
            [(f"{path}.{key.text}" if path else key.text, value) for key, value in node.pairs]
            if isinstance(node, Mapping)
            else [(f"{path}[{number}]", value) for number, value in enumerate(node.nodes)]
        )
        for below, value in pairs:
            yield from self.texts(value, below)

    def _container(self, node: Node, path: str) -> Iterator[Item]:
        if not isinstance(node, Mapping):
            if not (isinstance(node, Scalar) and not self.is_built_in):  # a CRD may have a list of names there
                yield Misuse("a container must be a mapping", subject=self._document.where(node))
            return
        for key, value in node.pairs:
            below = f"{path}.{key.text}"
            if key.text == "image":
                if isinstance(value, Scalar) and not value.is_null and value.text:
                    yield self._certain(value, below)
                elif isinstance(value, Mapping) and value.is_template:
                    yield unrendered(self._document.where(value))
                elif not isinstance(value, Scalar):
                    yield Misuse("the image of a container must be a text", subject=self._document.where(value))
            elif key.text in ("args", "command") and isinstance(value, Sequence):
                for number, each in enumerate(value.nodes):
                    if isinstance(each, Scalar):
                        yield from self._argument(each, f"{below}[{number}]")
            elif key.text == "env" and isinstance(value, Sequence):
                yield from self._variables(value, below)

    def _variables(self, node: Sequence, path: str) -> Iterator[Item]:
        for number, each in enumerate(node.nodes):
            if not isinstance(each, Mapping):
                continue
            name, value = each.get("name"), each.get("value")
            if not isinstance(name, Scalar) or not isinstance(value, Scalar) or not value.text:
                continue
            below = f"{path}[{number}].value"
            if _RELATED_IMAGE.fullmatch(name.text):
                yield self._certain(value, below)
            else:
                yield from self._argument(value, below)

    def _argument(self, node: Scalar, path: str) -> Iterator[Item]:
        if "/" not in node.text or ":" not in node.text or "\n" in node.text:
            return
        words = _OPTION.sub("", node.text, count=1)
        if full_reference(words) is not None and ":" in words.rpartition("/")[2]:
            yield self._perhaps(node, path, words)

    def _volumes(self, node: Sequence, path: str) -> Iterator[Item]:
        for number, each in enumerate(node.nodes):
            image = each.get("image") if isinstance(each, Mapping) else None
            reference = image.get("reference") if isinstance(image, Mapping) else None
            if isinstance(reference, Scalar) and reference.text:
                yield self._certain(reference, f"{path}[{number}].image.reference")

    def _certain(self, node: Scalar, path: str) -> Item:
        if _TEMPLATE in node.text:
            if not self.is_built_in:  # Argo fills it in when the workflow runs
                return left(
                    self._document, node, f"{self.name}: {path}: {node.text[:80]}", text("a value of the run time")
                )
            return unrendered(self._document.where(node))
        return Found(node.text, self._document.where(node), f"{self.name}: {path}")

    def _custom(self, around: Mapping, key: Scalar, value: Node, path: str) -> Iterator[Item]:
        """Yields the image of a key of a CRD, or says why it is not taken."""
        if isinstance(value, Mapping):
            joined = _joined(value)
            if joined is None:
                yield from self.walk(value, path)
                return
        elif isinstance(value, Scalar) and not value.is_null and value.text:
            joined = _with_siblings(value.text, around) if key.text in ("image", "baseImage") else value.text
        else:
            yield from self.walk(value, path)
            return
        if _is_clear(joined):
            yield Found(
                joined,
                self._document.where(value),
                f"{self.name}: {path}",
                note=text("taken because of the name of the key"),
            )
        else:
            yield self._perhaps(value, path, joined)

    def _perhaps(self, node: Node, path: str, image: str) -> NoImage:
        return left(
            self._document,
            node,
            f"{self.name}: {path}: {image[:200]}",
            text("perhaps an image: if it is needed, add it to another list"),
        )


def _is_clear(image: str) -> bool:
    """True for a reference that has a tag, a digest or a registry, so that it is probably no other name."""
    try:
        Reference.parse(image)
    except Misuse:
        return False
    first, slash, rest = image.partition("/")
    has_tag = ":" in image.rpartition("/")[2] or "@" in image
    return has_tag or (bool(slash) and names_registry(first) and bool(rest))


def _joined(parts: Mapping) -> str | None:
    """The reference of a mapping like ``{registry, repository, tag, digest}``; None if it has no repository."""
    repository = next((found for key in _REPOSITORY_KEYS if (found := _scalar(parts, key))), "")
    if not repository:
        return None
    registry = _scalar(parts, "registry")
    tag = next((found for key in _TAG_KEYS if (found := _scalar(parts, key))), "")
    digest = _scalar(parts, "digest") or _scalar(parts, "sha")
    if digest and ":" not in digest:
        digest = f"sha256:{digest}"
    name = f"{registry}/{repository}" if registry else repository
    has_tag = ":" in name.rpartition("/")[2] or "@" in name
    return "".join((name, f":{tag}" if tag and not has_tag else "", f"@{digest}" if digest and "@" not in name else ""))


def _with_siblings(image: str, around: Mapping) -> str:
    """An image with the tag and the registry next to it, if it has none: ``image: a/b``, ``version: 1.2``."""
    if ":" in image.rpartition("/")[2] or "@" in image:
        return image
    registry = _scalar(around, "registry")
    tag = next((found for key in _TAG_KEYS if (found := _scalar(around, key))), "")
    if registry and not names_registry(image.partition("/")[0]):
        image = f"{registry.rstrip('/')}/{image}"
    return f"{image}:{tag}" if tag else image


def _scalar(parts: Mapping, key: str) -> str:
    found = parts.get(key)
    return found.text if isinstance(found, Scalar) else ""
