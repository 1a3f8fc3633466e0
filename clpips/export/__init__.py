"""What other tools can use: metrics, rankings and the numbers of a study, in their formats.

========================  ===================================================================
:mod:`~.onnx_file`        a metric as ONNX: an image pair → its distance
:mod:`~.rankings_folder`  rankings as BAPPS 2AFC, NIGHTS, Bradley–Terry counts, chosen/rejected
:mod:`~.paper`            a methods paragraph and a LaTeX table with a study's own numbers
========================  ===================================================================

Nothing is imported here, so that tables cost no torch.
"""
