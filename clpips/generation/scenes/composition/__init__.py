"""A description and a seed → things at their places on the canvas."""
