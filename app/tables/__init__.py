"""The store's tables, one module per family; only :mod:`app.store` is meant for callers."""
