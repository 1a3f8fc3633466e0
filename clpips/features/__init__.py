"""Feature spaces: image pair → difference vector, whatever the network behind it.

A *space* (:class:`~clpips.features.base.Space`) says which blocks a difference vector has, what
its unfitted weights are, and which frozen weights it comes from; it needs no network. An *encoder*
is an open space: the networks on a device. :mod:`clpips.features.registry` has ``space_of`` and
``open_space``.

| name | features |
| --- | --- |
| ``alex``, ``vgg``, ``squeeze`` | LPIPS v0.1 (Zhang et al. 2018) |
| ``st-alex``, ``st-vgg`` | shift-tolerant LPIPS (Ghildyal and Liu 2022) |
| ``wide`` | AlexNet's difference vector beside four blocks of an EfficientNet-Lite0 |
| ``timm:…`` | any timm image model by name or local folder: its pooled features |
| ``transformers:…`` | any transformers vision model by id or local folder |
"""
