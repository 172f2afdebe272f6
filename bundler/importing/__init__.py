"""The journey of an import, one stage a module; `import_` has their order."""
