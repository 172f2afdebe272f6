"""Substitutes of programs of clusters: ``systemctl`` and ``oc``, as far as our recipes use them.

They end with 0 only where the real one could: files are there and of the right form, and names refer to what was applied.
"""

from __future__ import annotations

import sys
from pathlib import Path

SYSTEMCTL = """\
#!/bin/sh
[ "$1 $2" = "restart k3s" ]
"""

# docs.redhat.com, OpenShift "Images": the global pull secret is data of secret/pull-secret in openshift-config; the
# authority is a ConfigMap in openshift-config whose name is in image.config.openshift.io/cluster. Without
# additionalTrustedCA, IDMS and ITMS are all that the operator needs.
OC = """\
#!PYTHON
import json, pathlib, sys
import yaml

applied = pathlib.Path(__file__).with_name("applied")
match sys.argv[1:]:
    case ["get", "secret/pull-secret", "-n", "openshift-config", template] if "dockerconfigjson" in template:
        print(json.dumps({"auths": {"quay.io": {"auth": "cHVsbDpwdWxs"}}}))
    case ["set", "data", "secret/pull-secret", "-n", "openshift-config", source]:
        key, _, name = source.removeprefix("--from-file=").partition("=")
        assert key == ".dockerconfigjson"
        assert len(json.loads(pathlib.Path(name).read_text())["auths"]) == 2
    case ["apply", *words]:
        for name in words[1::2]:
            document = yaml.safe_load(pathlib.Path(name).read_text())
            with applied.open("a") as file:
                print(document["kind"], document["metadata"]["name"], file=file)
    case ["patch", "image.config.openshift.io/cluster", "--type=merge", "--patch", patch]:
        name = json.loads(patch)["spec"]["additionalTrustedCA"]["name"]
        assert f"ConfigMap {name}\\n" in applied.read_text()
    case ["get", "machineconfigpool"]:
        kinds = {line.split()[0] for line in applied.read_text().splitlines()}
        assert kinds == {"ConfigMap", "ImageDigestMirrorSet", "ImageTagMirrorSet"}
    case words:
        sys.exit(f"oc: {words}")
"""


def place_tools(folder: Path) -> None:
    """Puts the substitutes, and the command of this checkout, into a folder for the PATH."""
    bundler = f'#!/bin/sh\nexec {sys.executable} -m bundler "$@"\n'
    for name, text in {"systemctl": SYSTEMCTL, "oc": OC.replace("PYTHON", sys.executable), "bundler": bundler}.items():
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
