"""The tab *Progress*."""
