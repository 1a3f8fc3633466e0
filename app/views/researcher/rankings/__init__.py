"""The tab *Rankings*."""
