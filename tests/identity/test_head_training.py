"""Training a head on token maps: draws, padding, resumption, and that it learns."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from clpips.errors import Cancelled, InputError
from clpips.features.embedding.pooling import KINDS, fit_standard, make_head
from clpips.identity.head_training import TrainingSettings, train_head, validation_ssr
from clpips.identity.training_draws import (
    NOTHING,
    TokenRows,
    drawn_batch,
    epoch_order,
    keyed_seed,
)
from clpips.progress import Watch

CPU = torch.device("cpu")
SHAPES = ((4, 6), (2, 5))
COUNT = 30


def planted(count: int = COUNT) -> tuple[list[np.ndarray], TokenRows]:
    """Pictures whose identity is weak and whose background is strong."""
    draw = np.random.default_rng(0)
    maps: list[list[np.ndarray]] = [[], []]
    for _ in range(count):
        own = [draw.normal(size=c) for _, c in SHAPES]
        others = [[draw.normal(size=c) for _, c in SHAPES] for _ in range(2)]
        backgrounds = [[3 * draw.normal(size=c) for _, c in SHAPES] for _ in range(3)]
        for thing in (own, *others):
            for background in backgrounds:
                for k, (positions, c) in enumerate(SHAPES):
                    place = np.where(np.arange(c) < c // 2, background[k], thing[k])
                    maps[k].append(np.tile(place, (positions, 1)))
    base = 9 * np.arange(count)[:, None]
    rows = TokenRows(
        base + np.arange(3), np.stack([base + np.arange(3, 6), base + np.arange(6, 9)], axis=1)
    )
    return [np.asarray(each, dtype=np.float16) for each in maps], rows


def trained(tmp: Path | None = None, head_seed: int = 1, **others: Any) -> tuple[Any, Any]:
    maps, rows = planted()
    settings = {"epochs": 4, "batch_size": 8, "lr": 3e-3, "warmup": 4, "seed": 3}
    head = make_head("linear", SHAPES, dimensions=8, heads=2, seed=head_seed)
    keys = ("watch", "resume", "on_epoch")
    options = {key: others.pop(key) for key in keys if key in others}
    state = train_head(
        head, maps, rows, range(20), range(20, COUNT), TrainingSettings(**{**settings, **others}),
        device=CPU, checkpoint=tmp, **options,
    )  # fmt: skip
    return head, state


@pytest.mark.parametrize("kind", KINDS)
def test_training_raises_ssr_on_identities_it_has_not_seen(kind: str) -> None:
    maps, rows = planted()
    head = make_head(kind, SHAPES, dimensions=8, heads=2, seed=0)
    fit_standard(head, maps, rows.pictures(range(20)))
    before = validation_ssr(head, maps, rows, range(20, COUNT), device=CPU)
    settings = TrainingSettings(epochs=30, batch_size=10, lr=1e-2, warmup=10)
    state = train_head(head, maps, rows, range(20), range(20, COUNT), settings, device=CPU)
    after = validation_ssr(head, maps, rows, range(20, COUNT), device=CPU)
    assert before is not None and after is not None and after > before + 0.2
    assert after == max(each.ssr for each in state.curve) == state.curve[state.best_epoch - 1].ssr


def test_the_same_seed_gives_the_same_weights_and_another_seed_others() -> None:
    first, again, other = trained(), trained(), trained(seed=4)
    for one, two in zip(first[0].parameters(), again[0].parameters(), strict=True):
        assert torch.equal(one, two)
    assert first[1].curve != other[1].curve


def test_a_resumed_run_ends_like_one_that_was_never_interrupted(tmp_path: Path) -> None:
    file = tmp_path / "run"
    whole, state = trained(accumulate=2)
    epochs = []

    def stop(fraction: float, words: str) -> None:
        if words.startswith("Epoch 3"):
            epochs.append(words)

    with pytest.raises(Cancelled):
        trained(file, accumulate=2, watch=Watch(stop, lambda: bool(epochs)))
    seen: list[int] = []
    resumed, later = trained(
        file, head_seed=9, accumulate=2, resume=True, on_epoch=lambda e: seen.append(e.epoch)
    )
    assert seen == [3, 4] and later.curve == state.curve and later.best_epoch == state.best_epoch
    for one, two in zip(whole.state_dict().values(), resumed.state_dict().values(), strict=True):
        assert torch.equal(one, two)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device")
@pytest.mark.parametrize("kind", KINDS)
def test_mixed_precision_on_a_gpu_trains_like_the_cpu_and_resumes(
    kind: str, tmp_path: Path
) -> None:
    maps, rows = planted()

    def losses(device: str, **others: Any) -> list[float]:
        head = make_head(kind, SHAPES, dimensions=8, heads=2, seed=0)
        fit_standard(head, maps, rows.pictures(range(20)))
        settings = TrainingSettings(epochs=6, batch_size=8, lr=1e-3, warmup=4, accumulate=2)
        state = train_head(
            head, maps, rows, range(20), range(20, COUNT), settings,
            device=torch.device(device), **others,
        )  # fmt: skip
        return [each.loss for each in state.curve]

    whole = losses("cuda")
    assert whole == pytest.approx(losses("cpu"), rel=0.02)
    hit: list[str] = []
    watch = Watch(lambda share, words: hit.extend([words] * words.startswith("Epoch 4")))
    stopping = Watch(watch.progress, lambda: bool(hit))
    with pytest.raises(Cancelled):
        losses("cuda", checkpoint=tmp_path / "run", watch=stopping)
    resumed = losses("cuda", checkpoint=tmp_path / "run", resume=True)
    assert resumed == pytest.approx(whole, rel=0.01)


def test_a_checkpoint_of_other_settings_or_no_checkpoint_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "run"
    trained(file)
    with pytest.raises(InputError, match="settings that it began with, got another lr"):
        trained(file, lr=1.0, resume=True)
    file.write_bytes(b"something else")
    with pytest.raises(InputError, match="not a training checkpoint"):
        trained(file, resume=True)


def test_the_curve_holds_finite_losses_and_alpha_weighs_tier_2() -> None:
    _, state = trained(alpha=0.25)
    for each in state.curve:
        assert each.loss == pytest.approx(each.tier1 + 0.25 * each.tier2)
        assert 0 <= each.ssr <= 1


def test_draws_follow_seed_epoch_and_index() -> None:
    _, rows = planted(4)
    first = drawn_batch(rows, [2, 0], seed=5, epoch=1)
    alone = drawn_batch(rows, [0], seed=5, epoch=1)
    assert first.anchors[1] == alone.anchors[0]
    assert (first.distractors[1] == alone.distractors[0]).all()
    assert set(first.positives[1]) | {first.anchors[1]} == {0, 1, 2}
    for slot, row in enumerate(alone.distractors[0]):
        assert row in (3 + slot, 6 + slot)
    drawn = {drawn_batch(rows, [0], seed=5, epoch=e).anchors[0] for e in range(20)}
    assert drawn == {0, 1, 2}
    assert sorted(epoch_order(7, seed=1, epoch=2)) == list(range(7))


def test_the_hash_is_the_documented_one() -> None:
    h = (42 * 1000003 ^ 3 * 10007) % 2**64
    for key in (17, 200003, 2):
        h = (6364136223846793005 * (h ^ (key + 0x9E3779B97F4A7C15) % 2**64) + 1) % 2**64
    assert keyed_seed(42, 3, 17, 200003, 2) == h % 2**32


def test_missing_views_and_distractors_are_padding() -> None:
    _, rows = planted(2)
    rows.positives[0, 1] = NOTHING
    rows.distractors[0, :, 2] = NOTHING
    batch = drawn_batch(rows, [0], seed=0, epoch=0)
    assert {int(batch.anchors[0]), *batch.positives[0].tolist()} == {0, 2, NOTHING}
    assert batch.distractors[0, 1] == NOTHING  # its view is missing
    assert batch.distractors[0, 2] == NOTHING and batch.distractors[0, 0] in (3, 6)


def test_training_goes_on_without_validation_and_with_lone_views() -> None:
    maps, rows = planted(6)
    rows.positives[0, 1:] = NOTHING
    head = make_head("linear", SHAPES, dimensions=4, heads=1)
    state = train_head(head, maps, rows, range(6), [], TrainingSettings(epochs=2), device=CPU)
    assert [each.ssr for each in state.curve] == [None, None] and state.best_epoch == 2
    with pytest.raises(InputError, match="at least one identity with two views"):
        train_head(head, maps, rows, [0], [], TrainingSettings(epochs=2), device=CPU)


def test_impossible_settings_are_refused() -> None:
    for name, value in (("epochs", 0), ("lr", 0.0), ("alpha", -1.0), ("temperature", 0.0)):
        with pytest.raises(InputError, match=f"{name} must be"):
            TrainingSettings(**{name: value})
