"""The tab *Settings*."""
