"""Data sets of personalised generation → sample files."""
