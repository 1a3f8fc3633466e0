"""Small data sets in the formats in which their authors ship them; images are not decodable."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

CUB_CLASSES = {
    113: "Baird_Sparrow",
    114: "Black_throated_Sparrow",
    115: "Brewer_Sparrow",
    116: "Chipping_Sparrow",
    117: "Clay_colored_Sparrow",
    143: "Caspian_Tern",
    144: "Common_Tern",
    145: "Elegant_Tern",
    146: "Forsters_Tern",
    147: "Least_Tern",
    193: "Bewick_Wren",
    194: "Cactus_Wren",
    195: "Carolina_Wren",
    196: "House_Wren",
    197: "Marsh_Wren",
}


def touch(path: Path) -> None:
    """A file that stands for an image, which readers do not open."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"image")


def cub(root: Path, *, classes: Mapping[int, str] = CUB_CLASSES, per_class: int = 23) -> Path:
    """CUB-200-2011: 200 classes, of which those named have images."""
    named = {n: classes.get(n, f"Bird_{n}") for n in range(1, 201)}
    listed, labels, split = [], [], []
    number = 0
    for each, name in sorted({**classes, 1: named[1]}.items()):
        for image in range(per_class + each % 3):
            number += 1
            path = f"{each:03}.{name}/{name}_{image:04}_{796000 + number}.jpg"
            touch(root / "images" / path)
            listed.append(f"{number} {path}")
            labels.append(f"{number} {each}")
            split.append(f"{number} {number % 2}")
    write_lines(root / "images.txt", listed)
    write_lines(root / "image_class_labels.txt", labels)
    write_lines(root / "train_test_split.txt", split)
    write_lines(root / "classes.txt", [f"{n} {n:03}.{name}" for n, name in named.items()])
    return root


def write_lines(path: Path, lines: Sequence[str]) -> None:
    path.write_text("".join(f"{line}\n" for line in lines))
