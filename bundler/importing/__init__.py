"""The journey of an import: opened → selected → named → surveyed → sent → published → receipt. One stage a module."""
