"""The tab *Fit & report*."""
