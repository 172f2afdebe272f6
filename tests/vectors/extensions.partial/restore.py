raise SystemExit('a golden bundle restores nothing')
