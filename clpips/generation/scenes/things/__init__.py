"""The things that can be drawn, one module a family."""
