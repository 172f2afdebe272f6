"""The JSON documents that ``--json`` prints. docs/json.md describes them; fields are added, never changed.

There is one module for each journey: `export`, `check`, `import_`, `registry`, `machine`; `document` and `bundle` have
the parts that they share. A name loads its module when it is used, so a command loads the parts of its own document
only.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bundler.views.documents.check import (
        file_document as file_document,
        inspect_document as inspect_document,
        list_document as list_document,
        parity_result_document as parity_result_document,
        repair_document as repair_document,
        scan_document as scan_document,
        sign_document as sign_document,
        verify_document as verify_document,
    )
    from bundler.views.documents.document import (
        Document as Document,
        dump as dump,
        error_document as error_document,
        failure_document as failure_document,
        text_document as text_document,
    )
    from bundler.views.documents.export import (
        copy_document as copy_document,
        export_document as export_document,
        fulfil_document as fulfil_document,
        images_document as images_document,
    )
    from bundler.views.documents.import_ import (
        import_document as import_document,
        mirrors_document as mirrors_document,
        receipt_document as receipt_document,
        receipt_list_document as receipt_list_document,
        search_document as search_document,
        undo_document as undo_document,
    )
    from bundler.views.documents.machine import (
        config_document as config_document,
        doctor_document as doctor_document,
        explain_document as explain_document,
        init_document as init_document,
        keygen_document as keygen_document,
        trust_document as trust_document,
        version_document as version_document,
    )
    from bundler.views.documents.registry import (
        check_document as check_document,
        diff_document as diff_document,
        harbor_rules_document as harbor_rules_document,
        inventory_document as inventory_document,
        prune_document as prune_document,
        status_document as status_document,
        undo_prune_document as undo_prune_document,
    )

_EXPORTS = {
    "check": (
        "file_document",
        "inspect_document",
        "list_document",
        "parity_result_document",
        "repair_document",
        "scan_document",
        "sign_document",
        "verify_document",
    ),
    "document": (
        "Document",
        "dump",
        "error_document",
        "failure_document",
        "text_document",
    ),
    "export": (
        "copy_document",
        "export_document",
        "fulfil_document",
        "images_document",
    ),
    "import_": (
        "import_document",
        "mirrors_document",
        "receipt_document",
        "receipt_list_document",
        "search_document",
        "undo_document",
    ),
    "machine": (
        "config_document",
        "doctor_document",
        "explain_document",
        "init_document",
        "keygen_document",
        "trust_document",
        "version_document",
    ),
    "registry": (
        "check_document",
        "diff_document",
        "harbor_rules_document",
        "inventory_document",
        "prune_document",
        "status_document",
        "undo_prune_document",
    ),
}
_MODULES = {name: module for module, names in _EXPORTS.items() for name in names}


def __getattr__(name: str) -> Any:
    """Imports the function of a document.

    Raises:
        AttributeError: There is no such name.
    """
    module = _MODULES.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{module}"), name)
