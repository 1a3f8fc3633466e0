"""Statistics: arrays in, a number or a frozen result out; NumPy and SciPy alone."""
