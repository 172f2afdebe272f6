"""The journey of a prune: asked → known (receipts, registry) → planned → confirmed → removed → receipt. Its undo."""
