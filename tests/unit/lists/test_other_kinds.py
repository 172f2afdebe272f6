"""Each kind of list: its images with their options, its other parts by name, and its faults with a line."""

from __future__ import annotations

from bundler.core.image_list import Entry, ManyImages
from tests.support.tables import each_case
from tests.unit.lists.reading import complaint, left, lines, names, read

DIGEST = f"sha256:{'a' * 64}"


def entries(text: str, source: str = "list.yaml", **variables: str) -> list[str]:
    """Each image with its source and platforms."""
    found = []
    for each in read(text, source=source, **variables).images.entries:
        if isinstance(each, ManyImages):
            found.append(str(each))
            continue
        name = str(each.reference) if isinstance(each, Entry) else ""
        pin = f" pin {each.pin}" if each.pin else ""
        platforms = f" for {' '.join(map(str, each.platforms))}" if each.platforms else ""
        found.append(f"{name} from {each.source}{pin}{platforms}")
    return found


def plain(*named: str) -> list[str]:
    return [f"{name} from docker://{name}" for name in named]


SKOPEO = """\
registry.example.com:5000:
  tls-verify: false
  images:
    team/app: [1.10, "DIGEST"]
    team/all: []
  images-by-semver: {team/x: ">= 1"}
  images-by-tag-regex: {team/y: "^1"}
quay.io:
  images: {a/b: ["1"]}
""".replace("DIGEST", DIGEST)


def test_skopeo_sync() -> None:
    host = "registry.example.com:5000/team/app"
    assert entries(SKOPEO) == [
        *plain(f"{host}:1.10", f"{host}@{DIGEST}"),
        "registry.example.com:5000/team/all (all tags)",
        "registry.example.com:5000/team/x (semver >= 1)",
        *plain("quay.io/a/b:1"),
    ]
    assert left(read(SKOPEO)) == [
        (2, "registry.example.com:5000: tls-verify"),
        (7, "registry.example.com:5000: images-by-tag-regex: team/y"),
    ]


OC_MIRROR = """\
kind: ImageSetConfiguration
apiVersion: mirror.openshift.io/v2alpha1
mirror:
  operators: [{catalog: x}]
  helm:
    repositories: [{name: r, url: "oci://r.io/charts", charts: [{name: c, version: 1.0+x}]}]
    local: [{path: ./x.tgz}]
  additionalImages:
  - {name: r.io/a/b:1, targetRepo: c/d, platforms: [linux/amd64]}
  - {name: r.io/a/b:2, targetTag: x}
  - name: r.io/a/blocked:1
  - name: oci://folder/x
  blockedImages: [{name: r.io/a/blocked}]
"""


def test_oc_mirror() -> None:
    assert entries(OC_MIRROR) == [
        "r.io/charts/c:1.0_x from docker://r.io/charts/c:1.0_x",
        "r.io/c/d:1 from docker://r.io/a/b:1 for linux/amd64",
        "r.io/a/b:x from docker://r.io/a/b:2",
        " from oci:folder/x",
    ]
    assert left(read(OC_MIRROR)) == [
        (4, "mirror.operators"),
        (6, "mirror.helm: c 1.0+x"),
        (7, "mirror.helm: ./x.tgz"),
        (11, "r.io/a/blocked:1"),
    ]


ZARF = """\
kind: ZarfPackageConfig
metadata: {architecture: arm64}
components:
- name: web
  images: ["a:###ZARF_PKG_TMPL_TAG###", "b:###ZARF_PKG_ARCH###"]
  charts: [{name: c, url: "oci://r.io/c", version: 1.0}, {name: d, url: "https://x", version: 1}]
  imageArchives: [{path: x.tar, images: [a:1]}]
  repos: [https://x/y.git]
- name: other
  only: {cluster: {architecture: amd64}}
  images: [a:1]
  import: {path: ../y}
"""


def test_zarf() -> None:
    assert entries(ZARF, TAG="1") == [
        "docker.io/library/a:1 from docker://docker.io/library/a:1 for linux/arm64 linux/amd64",
        "docker.io/library/b:arm64 from docker://docker.io/library/b:arm64 for linux/arm64",
        "r.io/c:1.0 from docker://r.io/c:1.0",
    ]
    assert left(read(ZARF, TAG="1")) == [
        (6, "component web: charts: c"),
        (6, "component web: charts: d"),
        (7, "component web: imageArchives: x.tar"),
        (8, "component web: repos: https://x/y.git"),
        (12, "component other: import: ../y"),
    ]
    error = complaint(ZARF)
    assert (error.subject, error.hint) == ("list.yaml:5", "give it: --set TAG=VALUE")


HAULER = """\
apiVersion: content.hauler.cattle.io/v1
kind: Images
metadata: {annotations: {hauler.dev/platform: linux/amd64, hauler.dev/registry: r.io}}
spec:
  images:
  - {name: a/b:1, platform: linux/arm64, rewrite: /c/d}
  - {name: q.io/x:1, key: cosign.pub, rewrite: "y.io/z:2"}
  - {name: "app:dev", local: true}
---
apiVersion: content.hauler.cattle.io/v1
kind: Charts
spec: {charts: [{name: c, repoURL: "oci://r.io/charts", version: 1.0}, {name: d, repoURL: "https://x"}]}
---
apiVersion: content.hauler.cattle.io/v1
kind: Files
spec: {files: [{path: https://x/y}]}
---
apiVersion: collection.hauler.cattle.io/v1
kind: ImageTxts
"""


def test_hauler() -> None:
    assert entries(HAULER) == [
        "r.io/c/d:1 from docker://r.io/a/b:1 for linux/arm64",
        "y.io/z:2 from docker://q.io/x:1 for linux/amd64",
        "r.io/app:dev from docker-daemon:docker.io/library/app:dev for linux/amd64",
        "r.io/charts/c:1.0 from docker://r.io/charts/c:1.0",
    ]
    assert left(read(HAULER)) == [
        (7, "Images: q.io/x:1: key"),
        (12, "charts: c 1.0"),
        (12, "charts: d"),
        (16, "files: https://x/y"),
        (18, "ImageTxts"),
    ]


IMGPKG = f"""\
apiVersion: imgpkg.carvel.dev/v1alpha1
kind: ImagesLock
images:
- image: r.io/a@{DIGEST}
  annotations: {{kbld.carvel.dev/id: "q.io/a:1"}}
- image: r.io/b@{DIGEST}
  annotations: {{kbld.carvel.dev/id: "{{{{ not one }}}}"}}
- image: r.io/c@{DIGEST}
---
apiVersion: imgpkg.carvel.dev/v1alpha1
kind: BundleLock
bundle: {{image: "r.io/d@{DIGEST}", tag: v1}}
"""


def test_imgpkg() -> None:
    assert entries(IMGPKG) == [
        f"q.io/a:1 from docker://r.io/a@{DIGEST}",
        *plain(f"r.io/b@{DIGEST}", f"r.io/c@{DIGEST}"),
        f"r.io/d:v1 from docker://r.io/d@{DIGEST}",
    ]
    assert left(read(IMGPKG)) == [(12, f"r.io/d@{DIGEST}")]


def test_kubekey_and_kubeadm() -> None:
    head = "apiVersion: kubekey.kubesphere.io/v1alpha2\nkind: Manifest\nspec:\n"
    text = f"{head}  arches: [amd64, arm64]\n  images: [a/b:1]\n  operatingSystems: [{{arch: amd64}}]\n  components: {{x: 1}}\n"
    assert entries(text) == ["docker.io/a/b:1 from docker://docker.io/a/b:1 for linux/amd64 linux/arm64"]
    assert left(read(text)) == [(6, "spec.operatingSystems"), (7, "spec.components")]
    for text in (
        '{"images": ["r.io/a:1"]}',
        '{"kind": "Images", "apiVersion": "output.kubeadm.k8s.io/v1alpha3", "images": ["r.io/a:1"]}',
        "r.io/a:1\n",
    ):
        assert entries(text, source="-") == plain("r.io/a:1")
    error = complaint("apiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\n")
    assert "kubeadm config images list" in str(error)


@each_case(
    "text",
    [
        "REPOSITORY   TAG   IMAGE ID   CREATED   SIZE\nr.io/a   1   abc   5 weeks ago   1MB\n<none>   <none>   d   x   1MB\n",
        "IMAGE     ID    DISK USAGE   CONTENT SIZE   EXTRA\nr.io/a:1  abc   1MB   1MB   U\n<untagged>  d  1MB 1MB\n",
        "IMAGE    TAG   IMAGE ID   SIZE\r\nr.io/a   1   abc   1MB\r\nlocalhost/b   1   d   1MB\r\n",
        "REPOSITORY TAG DIGEST IMAGE ID CREATED SIZE\nr.io/a 1 <none> abc now 1MB\nr.io/a <none> <none> b now 1\n",
        '{"Repository":"r.io/a","Tag":"1","ID":"x"}\n{"Repository":"<none>","Tag":"<none>"}\n',
        '[{"Id": "x", "Names": ["r.io/a:1"]},\n {"Id": "y"}]\n',
        '{"images": [{"id": "x", "repoTags": ["r.io/a:1"]},\n{"id": "y", "repoTags": []}]}\n',
    ],
)
def test_output_of_docker_podman_nerdctl_and_crictl(text: str) -> None:
    found = read(text, source="-")
    assert found.kinds == ("docker images",)
    assert names(found) == ["r.io/a:1"]
    assert len(found.images.no_images) == 1


def test_the_columns_of_rancher() -> None:
    text = f"# digests\ndocker.io/rancher/a:v1 {DIGEST}\nr.io:5000/b:1 {DIGEST}\n"
    assert entries(text, source="x.txt") == [
        f"{name} from docker://{name} pin {DIGEST}" for name in ("docker.io/rancher/a:v1", "r.io:5000/b:1")
    ]
    found = read("rancher/a:v1 core,system:1.2+up1\nrancher/b:v1 x\n", source="x.txt")
    assert (found.kinds, lines(found)) == (("Rancher",), [[1], [2]])
    for text in ("rancher/a:v1 core\nnginx 1.27\n", "rancher/a:v1 core\n", "nginx 1.27\n"):
        error = complaint(text, source="x.txt")
        assert "more than one word" in str(getattr(error, "errors", [error])[0])


@each_case(
    "text, line, words",
    [
        (OC_MIRROR.replace("name: r.io/a/blocked}", "name: 'r.io/a/.*'}"), 13, "pattern of blocked images"),
        (OC_MIRROR.replace("{name: r.io/a/b:1", "{nam: x"), 9, "name: is missing"),
        (OC_MIRROR.replace("[{catalog: x}]\n  helm:", "[{catalog: x}]\n  helm: [a]\n  x:"), 5, "a mapping is expected"),
        (ZARF.replace("arm64", "x y").replace("TMPL_TAG", "ARCH"), 5, "not a platform"),
        (ZARF.replace("images: [a:1]", "images: a"), 11, "a list is expected"),
        (HAULER.replace("name: q.io/x:1", "name: [x]"), 7, "a text is expected"),
        (HAULER.replace("{name: a/b:1, ", "{"), 6, "name: is missing"),
        (IMGPKG.replace("image: r.io/c@", "image: r.io/c@x"), 8, "not a digest"),
        (IMGPKG.replace("image: r.io/c@", "imag: r.io/c@"), 8, "image: is missing"),
        (SKOPEO.replace("[1.10,", "[[1.10],"), 4, "a text is expected"),
        (SKOPEO.replace("team/app", "TEAM"), 4, "not a repository"),
        (SKOPEO.replace(">= 1", "some"), 6, "not a range"),
        (SKOPEO.replace("team/all", "ALL"), 5, "not a repository"),
        (f"a/b:1 {DIGEST}\na/B:1 {DIGEST}\n", 2, "not a repository"),
        ("- {Repository: a, Tag: []}\n", 1, "a text is expected"),
        ("apiVersion: kubekey.kubesphere.io/v1\nkind: Manifest\nspec: {images: [{a: b}]}\n", 3, "a text is expected"),
    ],
)
def test_a_wrong_list_gives_a_line_and_a_sentence(text: str, line: int, words: str) -> None:
    source = "l.txt" if text.startswith("a/b") else "l.yaml"
    error = complaint(text, source=source, TAG="1")
    assert str(getattr(error, "errors", [error])[0].subject).split(": ")[0] == f"{source}:{line}"
    assert words in "".join(map(str, getattr(error, "errors", [error])))


@each_case("name", ["docker-archive:/etc/passwd", "docker-daemon:a:1", "oci:/etc"])
def test_a_text_of_a_list_names_no_file_of_this_machine(name: str) -> None:
    complaint(ZARF.replace("images: [a:1]", f"images: ['{name}']"), TAG="1")
    complaint(f"services: {{a: {{image: '{name}'}}}}\n")
