"""Public data sets as tables of reference, gallery and further images.

The selections of Finer-Personalization Rank (arXiv 2512.19026, section 4 and its released code) are
the defaults; classes, counts and seeds can be one's own. Readers look at lists and file names and
open no image.
"""
