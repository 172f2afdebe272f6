"""Sources and destinations of images: registries, OCI image layouts, and tars of those. None of them knows bundles."""
