"""Every image of a manifest is found with its line, and what may be one is reported."""

from __future__ import annotations

from bundler.errors import Several
from tests.support.tables import each_case
from tests.unit.lists.reading import complaint, left, lines, names, read

DIGEST = f"sha256:{'a' * 64}"
POD = """\
apiVersion: v1
kind: Pod
metadata: {name: p}
spec:
  initContainers: [{name: i, image: "init:1"}]
  containers:
  - image: web:1
    name: c
  - image: web:1
    name: d
  ephemeralContainers:
  - {name: e, image: debug:1}
  volumes:
  - name: m
    image: {reference: "quay.io/m/model:1", pullPolicy: Always}
"""


def test_each_field_of_a_pod_that_bears_an_image() -> None:
    found = read(POD)
    assert names(found) == ["init:1", "web:1", "debug:1", "quay.io/m/model:1"]
    assert lines(found) == [[5], [7, 9], [12], [15]]
    assert found.kinds == ("Kubernetes",)
    assert found.places_of(found.images.entries[1]).first[1].path == "Pod p: spec.containers[1].image"


@each_case(
    "kind, below",
    [
        ("apps/v1, Deployment", "template"),
        ("apps/v1, StatefulSet", "template"),
        ("apps/v1, DaemonSet", "template"),
        ("apps/v1, ReplicaSet", "template"),
        ("v1, ReplicationController", "template"),
        ("batch/v1, Job", "template"),
        ("batch/v1, CronJob", "jobTemplate.spec.template"),
        ("apps.openshift.io/v1, DeploymentConfig", "template"),
        ("serving.knative.dev/v1, Service", "template"),
    ],
)
def test_each_kind_that_has_a_pod_template(kind: str, below: str) -> None:
    api, name = kind.split(", ")
    body = "{spec: {containers: [{name: c, image: web:1}], initContainers: [{name: i, image: init:1}]}}"
    for part in reversed(below.split(".")):
        body = f"{{{part}: {body}}}"
    assert names(read(f"apiVersion: {api}\nkind: {name}\nspec: {body}\n")) == ["web:1", "init:1"]


def test_a_pod_template_a_list_and_several_documents() -> None:
    template = "apiVersion: v1\nkind: PodTemplate\ntemplate: {spec: {containers: [{image: a:1}]}}\n"
    listed = '{"apiVersion": "v1", "kind": "List", "items": [\n{"apiVersion": "v1", "kind": "Pod", "spec": {"containers": [{"image": "b:1"}]}}]}'
    found = read(f"# Source: chart/x.yaml\n---\n# empty\n---\n{template}---\n{listed}\n---\nfoo: bar\n", source="-")
    assert (names(found), lines(found)) == (["a:1", "b:1"], [[7], [10]])
    assert left(found) == [(12, "document")]


def test_operators_name_images_in_variables_and_arguments() -> None:
    found = read(
        f"""\
apiVersion: v1
kind: Pod
metadata: {{name: op}}
spec:
  containers:
  - image: op:1
    args: [-x, "--reloader=quay.io/p/reloader:v1", "--at=10.0.0.1:80", "http://a.b/c:1"]
    env:
    - {{name: RELATED_IMAGE_DB, value: "quay.io/db/db@{DIGEST}"}}
    - {{name: SIDE, value: "quay.io/s/side:1"}}
    - {{name: URL, value: "https://example.com/a:1"}}
"""
    )
    assert names(found) == ["op:1", f"quay.io/db/db@{DIGEST}"]
    assert [line for line, _ in left(found)] == [7, 10]
    assert left(found)[1][1] == "Pod op: spec.containers[0].env[1].value: quay.io/s/side:1"


@each_case(
    "spec, found",
    [
        ("{image: quay.io/a/b:1}", "quay.io/a/b:1"),
        ("{baseImage: quay.io/a/b, version: v2.5}", "quay.io/a/b:v2.5"),
        ("{image: a/b, tag: 1.10, registry: quay.io}", "quay.io/a/b:1.10"),
        ("{image: {repository: a/b, tag: 1.10, registry: r.io}}", "r.io/a/b:1.10"),
        (f"{{image: {{name: r.io/a/b, digest: '{DIGEST}'}}}}", f"r.io/a/b@{DIGEST}"),
        (f"{{image: {{name: r.io/a/b, sha: {'a' * 64}}}}}", f"r.io/a/b@{DIGEST}"),
        ("{deep: [{proxyImage: r.io/a/b}]}", "r.io/a/b:latest"),
    ],
)
def test_a_resource_of_a_crd_names_images_by_its_keys_with_a_note(spec: str, found: str) -> None:
    read_ = read(f"apiVersion: example.com/v1\nkind: Thing\nmetadata: {{name: t}}\nspec: {spec}\n")
    assert names(read_) == [found]
    assert read_.places_of(read_.images.entries[0]).first[0].note == "taken because of the name of the key"


def test_other_values_of_a_crd_are_reported_and_not_taken() -> None:
    found = read(
        "apiVersion: example.com/v1\nkind: Thing\nmetadata: {name: t}\nspec:\n"
        "  image: r.io/a:1\n  osImage: ubuntu\n  diskImage: https://example.com/x.qcow2\n  imagePullPolicy: Always\n"
        "  bootImage: '{{inputs.x}}'\n"
    )
    assert names(found) == ["r.io/a:1"]
    assert [line for line, _ in left(found)] == [6, 7, 9]


def test_a_schema_has_no_images_and_a_chart_has_unknown_ones() -> None:
    found = read(
        "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\n"
        "spec: {properties: {default: {containers: [{image: 'x:1'}]}}}\n---\n"
        "apiVersion: helm.cattle.io/v1\nkind: HelmChart\nmetadata: {name: h}\nspec: {chart: traefik}\n---\n"
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata:\n  x: |\n    a: b\n    image: quay.io/a/side:1\n"
        "---\n" + POD
    )
    assert len(names(found)) == 4
    assert left(found) == [(5, "HelmChart h"), (16, "ConfigMap c: data.x: quay.io/a/side:1")]


@each_case(
    "text, line, words",
    [
        ("{{- if .Values.x }}\nkind: Pod\n{{- end }}\n", 1, "not rendered"),
        ("apiVersion: v1\nkind: Pod\nspec:\n  containers:\n  - image: {{ .Values.image }}\n", 5, "not rendered"),
        ("apiVersion: v1\nkind: Pod\nspec:\n  containers:\n  - image: 'a:{{ .Values.tag }}'\n", 5, "not rendered"),
        ("apiVersion: v1\nkind: Pod\nspec:\n  containers:\n  - image: [a]\n", 5, "must be a text"),
        ("apiVersion: v1\nkind: Pod\nspec:\n  containers:\n  - a\n", 5, "must be a mapping"),
        ("apiVersion: v1\nkind: Pod\nspec:\n  containers:\n  - image: UPPER/Case:1\n", 5, "not a re"),
        ("apiVersion: v1\nkind: Pod\nspec:\n  containers:\n  - image: docker-archive:/etc/x\n", 5, "not a registry"),
        ("apiVersion: v1\nkind: Pod\nspec:\n  containers: &a\n  - image: *b\n", 5, "no anchor"),
        ("apiVersion: v1\nkind: Pod\nspec: &a\n  x: *a\n", 4, "no anchor"),
        ("apiVersion: v1\nkind: Pod\n\tspec: {}\n", 3, "YAML"),
        ("apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n", 1, "kustomization"),
        ("resources: [a.yaml]\nimages:\n- name: nginx\n  newTag: '1'\n", 1, "kustomization"),
        ("bases: [../base]\n", 1, "kustomization"),
        ("apiVersion: v1\nkind: Pod\nspec: " + "[" * 150, 3, "too deeply"),
    ],
)
def test_a_bad_manifest_gives_a_line_and_a_sentence(text: str, line: int, words: str) -> None:
    error = complaint(text, source="m.yaml")
    assert str(error.subject).split(": ")[0] == f"m.yaml:{line}"
    assert words in str(error)


def test_all_errors_of_a_file_are_reported_at_once() -> None:
    error = complaint(
        "".join(f"---\napiVersion: v1\nkind: Pod\nspec: {{containers: [{{image: 'A{n}'}}]}}\n" for n in (1, 2))
    )
    assert isinstance(error, Several)
    assert len(error.errors) == 2


def test_aliases_count_each_time() -> None:
    bomb = "apiVersion: v1\nkind: Pod\na0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
    for number in range(1, 9):
        bomb += f"a{number}: &a{number} [{', '.join([f'*a{number - 1}'] * 10)}]\n"
    error = complaint(bomb)
    assert error.subject == "list.yaml:8"
    assert "too many values" in str(error)
