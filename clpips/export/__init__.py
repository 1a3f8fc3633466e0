"""What other tools can use: metrics, rankings and the numbers of a study, in their formats.

| module | what it writes |
| --- | --- |
| :mod:`clpips.export.onnx` | a metric as ONNX: an image pair → its distance |
| :mod:`clpips.export.writer` | rankings as BAPPS 2AFC, NIGHTS, pair counts or preferred pairs |
| :mod:`clpips.export.methods_text` | a methods paragraph with a study's own numbers |
| :mod:`clpips.export.latex` | a LaTeX table of the same numbers |

Nothing is imported here, so that tables cost no torch.
"""
