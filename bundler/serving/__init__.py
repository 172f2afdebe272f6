"""A read-only registry straight from the chunks: OCI distribution-spec 1.1, the parts "Pull" and "Content discovery".

`serve` opens bundles and serves them; `Served` is the running server. Nothing is written, and no request changes
anything. The bytes of a blob are verified while they are read, see `verified`.
"""
