"""The tiny model's training, on a small scale: captions, resumable training, the model folder."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import DiffusionPipeline
from torch import nn

from clpips.errors import Cancelled, InputError
from clpips.generation.diffusion.maker import Diffusers
from clpips.generation.protocol import Request
from clpips.generation.scenes import draw
from clpips.generation.scenes.composition.compose import extents
from clpips.generation.scenes.language.parser import parse
from clpips.progress import Watch
from tools.train_tiny import architecture, dataset, evaluate, objectives
from tools.train_tiny.assemble import assemble
from tools.train_tiny.captions import COLOURS, KINDS, caption, captions
from tools.train_tiny.dataset import image_set, rendered, unseen_captions
from tools.train_tiny.loop import Objective, Schedule, train
from tools.train_tiny.optimizers import Optimizers
from tools.train_tiny.run import TrainingSettings, text_encoder_of, train_model

SCHEDULE = Schedule("line", steps=60, learning_rate=1e-2, seed=3)


def test_a_seed_has_one_caption_that_names_its_objects() -> None:
    found = [caption(seed) for seed in range(300)]
    assert found == [caption(seed) for seed in range(300)]
    for each in found:
        for kind, colour in each.objects:
            assert kind in KINDS and kind.rstrip("y") in each.text
            assert not colour or (colour in COLOURS and colour in each.text)


def test_scenes_understands_every_word_of_the_captions() -> None:
    unknown = {word for seed in range(500) for word in parse(caption(seed).prompt).not_understood}
    assert unknown == set()


def test_unseen_captions_are_new_and_name_a_colour(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dataset, "SHARD", 5)
    images = image_set("model", 10, tmp_path, Watch())
    unseen = unseen_captions(50, images)
    assert len({each.text for each in unseen}) == 50
    assert not {each.text for each in unseen} & set(images.texts)
    assert all(each.objects[0][1] for each in unseen)
    assert captions(1, 3, without=[caption(1).text])[0] == caption(2)


def test_images_are_rendered_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dataset, "SHARD", 3)
    first = image_set("model", 6, tmp_path, Watch())
    monkeypatch.setattr(dataset, "draw", None)  # rendering again would fail
    again = image_set("model", 6, tmp_path, Watch())
    assert np.array_equal(first.pixels, again.pixels)
    assert (first.pixels.shape, len(first.captions)) == ((6, 64, 64, 3), 6)


def linear_model() -> nn.Module:
    torch.manual_seed(0)
    return nn.Linear(2, 1)


def train_on_sums(
    model: nn.Module,
    folder: Path,
    schedule: Schedule,
    watch: Watch = Watch(),  # noqa: B008 # frozen
) -> None:
    def objective(generator: torch.Generator) -> torch.Tensor:
        x = torch.randn(16, 2, generator=generator)
        loss: torch.Tensor = ((model(x) - x.sum(dim=1, keepdim=True)) ** 2).mean()
        return loss

    train([model], objective, schedule, folder, watch)


@pytest.mark.parametrize(("ema_decay", "muon"), [(0.0, False), (0.9, False), (0.9, True)])
def test_resumed_training_ends_with_the_weights_of_uninterrupted_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ema_decay: float, muon: bool
) -> None:
    schedule = replace(SCHEDULE, ema_decay=ema_decay, muon=muon)
    whole, stopped = linear_model(), linear_model()
    (tmp_path / "whole").mkdir()
    (tmp_path / "stopped").mkdir()
    train_on_sums(whole, tmp_path / "whole", schedule)
    monkeypatch.setattr("tools.train_tiny.loop.SAVE_SECONDS", 0.0)
    monkeypatch.setattr("tools.train_tiny.loop.LOG_EVERY", 20)

    def stop() -> bool:
        return (tmp_path / "stopped" / "line.jsonl").exists()

    with pytest.raises(Cancelled):
        train_on_sums(stopped, tmp_path / "stopped", schedule, Watch(cancelled=stop))
    resumed = linear_model()
    train_on_sums(resumed, tmp_path / "stopped", schedule)
    for one, other in zip(whole.parameters(), resumed.parameters(), strict=True):
        assert torch.equal(one, other)


def test_a_state_of_another_schedule_is_refused_and_kept(tmp_path: Path) -> None:
    torch.save({"step": 1, "models": linear_model().state_dict()}, tmp_path / "line.pt")
    before = (tmp_path / "line.pt").read_bytes()
    with pytest.raises(InputError, match=r"line\.pt must hold the optimizers"):
        train_on_sums(linear_model(), tmp_path, SCHEDULE)
    assert (tmp_path / "line.pt").read_bytes() == before


@pytest.mark.parametrize("muon", [False, True])
def test_training_lowers_and_logs_the_loss(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, muon: bool
) -> None:
    monkeypatch.setattr("tools.train_tiny.loop.LOG_EVERY", 10)
    train_on_sums(linear_model(), tmp_path, replace(SCHEDULE, steps=600, muon=muon))
    rows = [json.loads(row) for row in (tmp_path / "line.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows] == list(range(10, 601, 10))
    assert rows[-1]["loss"] < 0.1 * rows[0]["loss"]


def test_a_tokenizer_gives_sorted_ids_to_letters_that_end_words() -> None:
    tokenizer = architecture.tokenizer_of([each.text for each in captions(1, 200)])
    vocabulary = tokenizer.get_vocab()
    letters = sorted(
        each for each in vocabulary if len(each) == 5 and each.endswith(architecture.WORD_END)
    )
    ids = [vocabulary[each] for each in letters]
    assert len(ids) > 10 and ids == sorted(ids)
    assert tokenizer.tokenize("a red ball") == ["a</w>", "red</w>", "ball</w>"]


def test_muon_leaves_the_ends_of_the_network_to_adamw() -> None:
    denoiser = architecture.denoiser().to(memory_format=torch.channels_last)
    optimizers = Optimizers(denoiser, 1e-3, muon=True)
    by_muon = {each.data_ptr() for each in optimizers._matrices}
    by_adamw = {n for n, each in denoiser.named_parameters() if each.data_ptr() not in by_muon}
    kernels = {n for n, each in denoiser.named_parameters() if n in by_adamw and each.ndim > 1}
    ends = ("conv_in", "conv_out", "time_embedding.linear_1", "time_embedding.linear_2")
    assert kernels == {f"{each}.weight" for each in ends}


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_muon_updates_kernels_by_steps_of_equal_size_in_all_directions(
    layout: torch.memory_format,
) -> None:
    torch.manual_seed(0)
    model = nn.Conv2d(8, 8, 3).to(memory_format=layout)
    kernel, bias = model.parameters()
    before = kernel.detach().clone()
    steep = torch.logspace(0, -1, 8).view(8, 1, 1, 1)
    kernel.grad, bias.grad = steep * torch.randn_like(kernel), torch.ones_like(bias)
    optimizers = Optimizers(model, 0.0, muon=True)
    optimizers.set_rate(0.1)
    optimizers.step()
    gradient, update = kernel.grad.flatten(1), (kernel.detach() - before).flatten(1)
    of_gradient, of_update = torch.linalg.svdvals(gradient), torch.linalg.svdvals(update)
    assert of_gradient[0] > 8 * of_gradient[-1]
    assert of_update[0] < 2 * of_update[-1]
    assert float((update * gradient).sum()) < 0


def test_the_learning_rate_is_constant_before_it_falls() -> None:
    schedule = Schedule("line", steps=1000, learning_rate=1.0, seed=1, constant=0.6)
    assert [schedule.rate_at(step) for step in (199, 300, 599)] == [1.0, 1.0, 1.0]
    assert schedule.rate_at(800) == pytest.approx(0.525)
    assert schedule.rate_at(1000) == pytest.approx(0.05)


def test_the_denoiser_objective_weights_noise_levels_equally_and_objects_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dataset, "SHARD", 4)
    images = image_set("model", 4, tmp_path, Watch())
    tokenizer = architecture.tokenizer_of(images.texts)
    objective: list[Objective] = []
    monkeypatch.setattr(objectives, "train", lambda _models, each, *_rest: objective.append(each))
    blank = torch.zeros(
        4, architecture.LATENT_CHANNELS, architecture.LATENT_SIDE, architecture.LATENT_SIDE
    )
    masks = torch.zeros(4, architecture.LATENT_SIDE, architecture.LATENT_SIDE)
    masks[:, :4] = 1
    times: list[torch.Tensor] = []

    class WithoutObjects(nn.Module):
        """Predicts the right velocity everywhere but on the objects, where it predicts zero."""

        def forward(self, noisy: torch.Tensor, at: torch.Tensor, _condition: torch.Tensor) -> Any:
            times.append(at)
            signal = architecture.scheduler().alphas_cumprod[at].view(-1, 1, 1, 1)
            velocity = (signal / (1 - signal)).sqrt() * noisy
            return SimpleNamespace(sample=velocity * (1 - masks[0]))

    objectives.train_denoiser(
        WithoutObjects(),
        architecture.scheduler(),
        text_encoder_of(architecture.clip(tokenizer)),
        tokenizer,
        images,
        objectives.Latents(blank, blank, 1.0),
        masks,
        TrainingSettings().denoiser,
        tmp_path,
        Watch(),
    )
    loss = float(objective[0](torch.Generator().manual_seed(1)))
    # Without an image in it, the velocity is √ᾱ · noise; objects cover a quarter of each.
    signal = architecture.scheduler().alphas_cumprod[times[-1]]
    weight = 1 + objectives.OBJECT_WEIGHT
    share = weight * 0.25 / (weight * 0.25 + 0.75)
    assert loss == pytest.approx(share * float(signal.mean()), rel=0.03)


def test_object_masks_are_where_the_objects_are() -> None:
    masks = dataset.object_masks("model", 60, 16, Watch()).astype(float)
    assert masks.shape == (60, 16, 16)
    assert masks.min() >= 0 and masks.max() <= 1
    alone = [number for number in range(60) if len(caption(number).objects) == 1]
    centre = {
        side: np.mean(
            [
                masks[n].mean(axis=0) @ range(16) / masks[n].mean(axis=0).sum()
                for n in alone
                if f" on the {side}" in caption(n).text
            ]
        )
        for side in ("left", "right")
    }
    assert centre["left"] + 3 < centre["right"]


def test_pixels_that_change_with_an_objects_colour_are_within_its_coverage() -> None:
    """Images of the same place and light with an object in another colour differ only there."""
    number = next(
        n
        for n in range(200)
        if caption(n).text.startswith(f"a {' '.join(reversed(caption(n).objects[0]))} ")
        and len(caption(n).objects) == 1
        and not caption(n).styled
        and " on a plain" in caption(n).text
    )
    words = caption(number).text
    colour = caption(number).objects[0][1]
    other = "green" if colour != "green" else "red"
    flat = [
        np.asarray(draw(f"{each}, flat style", number, width=64, height=64)).astype(float)
        for each in (words, words.replace(colour, other, 1))
    ]
    changed = np.abs(flat[0] - flat[1]).sum(axis=2) > 60
    box = extents(parse(words), number, aspect=1.0)[0]
    rows, columns = np.nonzero(changed)
    assert len(rows) > 20
    inside = dataset._coverage(*box, side=64)[rows, columns] > 0
    assert inside.mean() > 0.95
    low_left = dataset._coverage(0.1, 0.6, 0.3, 0.9, side=10)
    assert (np.argwhere(low_left > 0.99) == [[y, x] for y in (6, 7, 8) for x in (1, 2)]).all()
    assert low_left.sum() == pytest.approx((0.3 + 0.04) * (0.2 + 0.04) * 100)


def test_training_from_scratch_writes_a_folder_that_diffusers_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dataset, "SHARD", 8)
    short = {
        name: replace(getattr(TrainingSettings(), name), steps=2)
        for name in ("autoencoder", "clip", "denoiser")
    }
    settings = TrainingSettings(images=16, **short)
    parts = train_model(tmp_path / "work", settings, Watch())
    assemble(parts, settings, tmp_path / "models", trained_in=tmp_path / "work")
    size = sum(each.stat().st_size for each in (tmp_path / "models").rglob("*") if each.is_file())
    assert size < 20_000_000
    pipeline = DiffusionPipeline.from_pretrained(tmp_path / "models" / "tiny")
    assert pipeline.text_encoder.dtype == pipeline.unet.dtype == pipeline.vae.dtype
    maker = Diffusers(str(tmp_path / "models" / "tiny"))
    (made,) = maker.generate(Request("a red ball", 1, 1, 64, 64, {"steps": 2}))
    assert made.image.size == (64, 64)
    pixels = rendered(captions(1, 2)).pixels
    decoded = evaluate._reconstructed(tmp_path / "models", pixels)
    assert (decoded.shape, decoded.dtype) == (pixels.shape, pixels.dtype)
    assert "not understood" in (tmp_path / "models" / "tiny" / "README.md").read_text()


def test_scenes_renders_test_captions_in_the_same_size() -> None:
    asked = captions(20_000_000, 3)
    assert rendered(asked).pixels.shape == (3, 64, 64, 3)
