"""The Identity page."""
