"""The tab *Export*."""
