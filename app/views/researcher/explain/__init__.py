"""The tab *Why*."""
