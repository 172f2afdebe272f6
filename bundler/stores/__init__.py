"""Where images come from and go to: registries, OCI image layouts, and tars of those. None of them knows bundles."""
