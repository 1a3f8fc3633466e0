"""Scripts that make what data/ ships; no part of the installed packages."""
