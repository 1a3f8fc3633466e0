"""Difference vectors and rankings → weights → file."""
