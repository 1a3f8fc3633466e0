"""SER30K as its authors ship it: stickers by topic; a topic stands for a user.

``Images/<topic>/<file>`` and annotations ``{"annotations": [{topic, file_name, anno, text}]}`` in
``Annotations/all_annos.json``, ``Annotations/*.json`` or ``Annotations/image-level/*.json``. Each
topic of three images or more gives three samples: three of its images as history, and an image of
another topic *of the same split* as target (ours: a target from another split would leak).
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from clpips.bench.datasets.side_files import read_json
from clpips.bench.datasets.windows import HISTORY, Prepared, numbered, split_by_user
from clpips.bench.samples import Item, Sample
from clpips.errors import DatasetError
from clpips.io.image_names import ImageFolder
from clpips.progress import Watch
from clpips.text import quoted

SAMPLES = 3
"""Of each topic."""


def read_ser30k(
    root: Path,
    *,
    captions: Mapping[str, str],
    styles: Mapping[str, str],
    seed: int,
    watch: Watch,
) -> Prepared:
    """The data set's samples.

    Args:
        root: its folder.
        captions: ``topic/file`` → caption; the sticker's own text where there is none.
        styles: topic → keywords.
        seed: of draws and splits.
        watch: progress and cancel.

    Raises:
        DatasetError: a file that is not there or not so; the sentence names file, entry and rule.
    """
    left_out: Counter[str] = Counter()
    topics = _topics(root, captions, left_out, watch)
    chance = random.Random(seed)
    by_topic: dict[str, list[Sample]] = {}
    for topic, items in sorted(topics.items()):
        if len(items) < HISTORY:
            left_out["topics of fewer than three images"] += 1
            continue
        by_topic[topic] = [
            Sample(
                0,
                topic,
                tuple(chance.sample(items, HISTORY)),
                Item(str(number), ""),  # drawn once the splits are known
                styles.get(topic, ""),
                sample_index=number,
            )
            for number in range(SAMPLES)
        ]
    *parts, beyond = split_by_user(by_topic, seed=seed)
    train, validation, test = (
        numbered(_with_targets(part, topics, chance, left_out), left_out) for part in parts
    )
    return Prepared(train, validation, test, left_out + beyond)


def _with_targets(
    samples: Sequence[Sample],
    topics: Mapping[str, Sequence[Item]],
    chance: random.Random,
    left_out: Counter[str],
) -> list[Sample]:
    own = sorted({sample.user for sample in samples})
    found: list[Sample] = []
    for sample in samples:
        others = [topic for topic in own if topic != sample.user]
        if not others:
            left_out["samples of a split with one topic"] += 1
            continue
        target = chance.choice(topics[chance.choice(others)])
        found.append(replace(sample, target=target))
    return found


def _topics(
    root: Path, captions: Mapping[str, str], left_out: Counter[str], watch: Watch
) -> dict[str, list[Item]]:
    images = ImageFolder(root / "Images")
    if not (root / "Images").is_dir():
        raise DatasetError(f"{root / 'Images'}: no such folder of stickers")
    found: dict[str, dict[str, Item]] = {}
    for file in _annotation_files(root / "Annotations"):
        document = read_json(file, "file of annotations")
        entries = document.get("annotations") if isinstance(document, dict) else None
        if not isinstance(entries, list):
            raise DatasetError(f"{file}: must be an object with the list 'annotations'")
        for number, entry in enumerate(entries):
            if number % 1000 == 0:
                watch.report(number / len(entries), f"Reading sticker {number:,}")
            topic, name, text = _entry(file, number, entry)
            path = images.find(f"{topic}/{name}")
            if path is None:
                left_out["stickers that are not there"] += 1
                continue
            item = f"{topic}/{name}"
            found.setdefault(topic, {})[item] = Item(item, path, path, captions.get(item, text))
    return {topic: list(items.values()) for topic, items in found.items()}


def _annotation_files(folder: Path) -> list[Path]:
    everything = folder / "all_annos.json"
    if everything.is_file():
        return [everything]
    files = sorted((folder / "image-level").glob("*.json")) or sorted(folder.glob("*.json"))
    if not files:
        raise DatasetError(f"{folder}: must hold all_annos.json or other annotations, got none")
    return files


def _entry(file: Path, number: int, entry: Any) -> tuple[str, str, str]:
    if not isinstance(entry, dict):
        raise DatasetError(f"{file}, entry {number}: must be an object, got {quoted(entry)}")
    topic, name, text = (entry.get(key) for key in ("topic", "file_name", "text"))
    for key, value in (("topic", topic), ("file_name", name)):
        if not (isinstance(value, str | int) and str(value)):
            raise DatasetError(f"{file}, entry {number}: {key} must be text, got {quoted(value)}")
    anno = entry.get("anno")
    if anno is not None and not (isinstance(anno, int) and 1 <= anno <= 7):
        raise DatasetError(f"{file}, entry {number}: anno must be 1 to 7, got {quoted(anno)}")
    return str(topic), str(name), text if isinstance(text, str) else ""
