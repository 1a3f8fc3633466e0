"""The tiny model's training, in small: captions, resumable courses, the way to a folder."""

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
from tools.train_tiny import architecture, evaluate, objectives
from tools.train_tiny import dataset as pictures_module
from tools.train_tiny import run as making
from tools.train_tiny.assemble import assemble
from tools.train_tiny.captions import COLOURS, KINDS, caption, captions
from tools.train_tiny.dataset import drawn, questions, rendered
from tools.train_tiny.loop import Course, Loss, train
from tools.train_tiny.optimizers import Optimizers
from tools.train_tiny.run import Syllabus

COURSE = Course("line", steps=60, rate=1e-2, seed=3)


def test_a_seed_has_one_caption_whose_things_are_in_its_words() -> None:
    found = [caption(seed) for seed in range(300)]
    assert found == [caption(seed) for seed in range(300)]
    for each in found:
        for kind, colour in each.things:
            assert kind in KINDS and kind.rstrip("y") in each.text
            assert not colour or (colour in COLOURS and colour in each.text)


def test_scenes_understands_every_word_of_the_captions() -> None:
    unknown = {word for seed in range(500) for word in parse(caption(seed).prompt).not_understood}
    assert unknown == set()


def test_questions_are_new_and_name_a_colour(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pictures_module, "SHARD", 5)
    seen = drawn("model", 10, tmp_path, Watch())
    asked = questions(50, seen)
    assert len({each.text for each in asked}) == 50
    assert not {each.text for each in asked} & set(seen.texts)
    assert all(each.things[0][1] for each in asked)
    assert captions(1, 3, without=[caption(1).text])[0] == caption(2)


def test_pictures_are_drawn_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pictures_module, "SHARD", 3)
    first = drawn("model", 6, tmp_path, Watch())
    monkeypatch.setattr(pictures_module, "draw", None)  # drawing again would fail
    again = drawn("model", 6, tmp_path, Watch())
    assert np.array_equal(first.pixels, again.pixels)
    assert (first.pixels.shape, len(first.captions)) == ((6, 64, 64, 3), 6)


def line() -> nn.Module:
    torch.manual_seed(0)
    return nn.Linear(2, 1)


def taught(model: nn.Module, folder: Path, course: Course, watch: Watch = Watch()) -> None:  # noqa: B008 # frozen
    def loss(chance: torch.Generator) -> torch.Tensor:
        x = torch.randn(16, 2, generator=chance)
        wrong: torch.Tensor = ((model(x) - x.sum(dim=1, keepdim=True)) ** 2).mean()
        return wrong

    train([model], loss, course, folder, watch)


@pytest.mark.parametrize(("decay", "muon"), [(0.0, False), (0.9, False), (0.9, True)])
def test_a_course_that_was_stopped_ends_as_if_it_had_not_been(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, decay: float, muon: bool
) -> None:
    course = replace(COURSE, decay=decay, muon=muon)
    whole, stopped = line(), line()
    (tmp_path / "whole").mkdir()
    (tmp_path / "stopped").mkdir()
    taught(whole, tmp_path / "whole", course)
    monkeypatch.setattr("tools.train_tiny.loop.SAVE_SECONDS", 0.0)
    monkeypatch.setattr("tools.train_tiny.loop.LOG_EVERY", 20)

    def stop() -> bool:
        return (tmp_path / "stopped" / "line.jsonl").exists()

    with pytest.raises(Cancelled):
        taught(stopped, tmp_path / "stopped", course, Watch(cancelled=stop))
    resumed = line()
    taught(resumed, tmp_path / "stopped", course)
    for one, other in zip(whole.parameters(), resumed.parameters(), strict=True):
        assert torch.equal(one, other)


def test_a_state_of_another_course_is_refused_and_kept(tmp_path: Path) -> None:
    torch.save({"step": 1, "models": line().state_dict()}, tmp_path / "line.pt")
    before = (tmp_path / "line.pt").read_bytes()
    with pytest.raises(InputError, match=r"line\.pt must hold the optimizers"):
        taught(line(), tmp_path, COURSE)
    assert (tmp_path / "line.pt").read_bytes() == before


@pytest.mark.parametrize("muon", [False, True])
def test_a_course_learns_and_logs_its_losses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, muon: bool
) -> None:
    monkeypatch.setattr("tools.train_tiny.loop.LOG_EVERY", 10)
    taught(line(), tmp_path, replace(COURSE, steps=600, muon=muon))
    rows = [json.loads(row) for row in (tmp_path / "line.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows] == list(range(10, 601, 10))
    assert rows[-1]["loss"] < 0.1 * rows[0]["loss"]


def test_a_tokenizer_numbers_the_last_letters_of_words_in_their_order() -> None:
    tokenizer = architecture.tokenizer_of([each.text for each in captions(1, 200)])
    vocabulary = tokenizer.get_vocab()
    letters = sorted(
        each for each in vocabulary if len(each) == 5 and each.endswith(architecture.END)
    )
    numbers = [vocabulary[each] for each in letters]
    assert len(numbers) > 10 and numbers == sorted(numbers)
    assert tokenizer.tokenize("a red ball") == ["a</w>", "red</w>", "ball</w>"]


def test_muon_leaves_the_ends_of_the_network_to_adamw() -> None:
    denoiser = architecture.denoiser().to(memory_format=torch.channels_last)
    optimizers = Optimizers(denoiser, 1e-3, muon=True)
    moved = {each.data_ptr() for each in optimizers._matrices}
    left = {n for n, each in denoiser.named_parameters() if each.data_ptr() not in moved}
    kernels = {n for n, each in denoiser.named_parameters() if n in left and each.ndim > 1}
    ends = ("conv_in", "conv_out", "time_embedding.linear_1", "time_embedding.linear_2")
    assert kernels == {f"{each}.weight" for each in ends}


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_muon_moves_kernels_by_steps_of_one_size_in_all_directions(
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
    wished, moved = kernel.grad.flatten(1), (kernel.detach() - before).flatten(1)
    of_wished, of_moved = torch.linalg.svdvals(wished), torch.linalg.svdvals(moved)
    assert of_wished[0] > 8 * of_wished[-1]
    assert of_moved[0] < 2 * of_moved[-1]
    assert float((moved * wished).sum()) < 0


def test_a_rate_stays_level_before_it_falls() -> None:
    course = Course("line", steps=1000, rate=1.0, seed=1, level=0.6)
    assert [course.rate_at(step) for step in (199, 300, 599)] == [1.0, 1.0, 1.0]
    assert course.rate_at(800) == pytest.approx(0.525)
    assert course.rate_at(1000) == pytest.approx(0.05)


def test_the_denoiser_heeds_all_noises_alike_and_things_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pictures_module, "SHARD", 4)
    seen = drawn("model", 4, tmp_path, Watch())
    tokenizer = architecture.tokenizer_of(seen.texts)
    told: list[Loss] = []
    monkeypatch.setattr(objectives, "train", lambda _models, loss, *_rest: told.append(loss))
    blank = torch.zeros(
        4, architecture.LATENT_CHANNELS, architecture.LATENT_SIDE, architecture.LATENT_SIDE
    )
    things = torch.zeros(4, architecture.LATENT_SIDE, architecture.LATENT_SIDE)
    things[:, :4] = 1
    times: list[torch.Tensor] = []

    class Deaf(nn.Module):
        """Knows everything but the things."""

        def forward(self, noisy: torch.Tensor, at: torch.Tensor, _words: torch.Tensor) -> Any:
            times.append(at)
            signal = architecture.scheduler().alphas_cumprod[at].view(-1, 1, 1, 1)
            velocity = (signal / (1 - signal)).sqrt() * noisy
            return SimpleNamespace(sample=velocity * (1 - things[0]))

    objectives.teach_denoiser(
        Deaf(),
        architecture.scheduler(),
        making.text_encoder_of(architecture.clip(tokenizer)),
        tokenizer,
        seen,
        objectives.Latents(blank, blank, 1.0),
        things,
        Syllabus().denoiser,
        tmp_path,
        Watch(),
    )
    wrong = float(told[0](torch.Generator().manual_seed(1)))
    # Without an image in it, the velocity is √ᾱ · noise; a quarter of each is things.
    signal = architecture.scheduler().alphas_cumprod[times[-1]]
    weight = 1 + objectives.THINGS_SHARE
    share = weight * 0.25 / (weight * 0.25 + 0.75)
    assert wrong == pytest.approx(share * float(signal.mean()), rel=0.03)


def test_covered_is_where_the_things_are() -> None:
    where = pictures_module.covered("model", 60, 16, Watch()).astype(float)
    assert where.shape == (60, 16, 16)
    assert where.min() >= 0 and where.max() <= 1
    alone = [number for number in range(60) if len(caption(number).things) == 1]
    centre = {
        side: np.mean(
            [
                where[n].mean(axis=0) @ range(16) / where[n].mean(axis=0).sum()
                for n in alone
                if f" on the {side}" in caption(n).text
            ]
        )
        for side in ("left", "right")
    }
    assert centre["left"] + 3 < centre["right"]


def test_what_a_thing_changes_in_a_picture_lies_where_it_is_covered() -> None:
    """The same place and light with another colour of the thing differ in the thing alone."""
    number = next(
        n
        for n in range(200)
        if caption(n).text.startswith(f"a {' '.join(reversed(caption(n).things[0]))} ")
        and len(caption(n).things) == 1
        and not caption(n).styled
        and " on a plain" in caption(n).text
    )
    words = caption(number).text
    colour = caption(number).things[0][1]
    other = "green" if colour != "green" else "red"
    flat = [
        np.asarray(draw(f"{each}, flat style", number, width=64, height=64)).astype(float)
        for each in (words, words.replace(colour, other, 1))
    ]
    changed = np.abs(flat[0] - flat[1]).sum(axis=2) > 60
    box = extents(parse(words), number, aspect=1.0)[0]
    rows, columns = np.nonzero(changed)
    assert len(rows) > 20
    inside = pictures_module._cover(*box, side=64)[rows, columns] > 0
    assert inside.mean() > 0.95
    low_left = pictures_module._cover(0.1, 0.6, 0.3, 0.9, side=10)
    assert (np.argwhere(low_left > 0.99) == [[y, x] for y in (6, 7, 8) for x in (1, 2)]).all()
    assert low_left.sum() == pytest.approx((0.3 + 0.04) * (0.2 + 0.04) * 100)


def test_the_whole_way_ends_in_a_folder_that_diffusers_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pictures_module, "SHARD", 8)
    short = {
        name: replace(getattr(Syllabus(), name), steps=2)
        for name in ("autoencoder", "clip", "denoiser")
    }
    syllabus = Syllabus(pictures=16, **short)
    parts = making.make(tmp_path / "work", syllabus, Watch())
    assemble(parts, syllabus, tmp_path / "models", trained_in=tmp_path / "work")
    size = sum(each.stat().st_size for each in (tmp_path / "models").rglob("*") if each.is_file())
    assert size < 20_000_000
    pipeline = DiffusionPipeline.from_pretrained(tmp_path / "models" / "tiny")
    assert pipeline.text_encoder.dtype == pipeline.unet.dtype == pipeline.vae.dtype
    maker = Diffusers(str(tmp_path / "models" / "tiny"))
    (made,) = maker.generate(Request("a red ball", 1, 1, 64, 64, {"steps": 2}))
    assert made.image.size == (64, 64)
    shown = rendered(captions(1, 2)).pixels
    back = evaluate._given_back(tmp_path / "models", shown)
    assert (back.shape, back.dtype) == (shown.shape, shown.dtype)
    assert "not understood" in (tmp_path / "models" / "tiny" / "README.md").read_text()


def test_the_renderer_answers_the_questions_in_the_same_size() -> None:
    asked = captions(20_000_000, 3)
    assert rendered(asked).pixels.shape == (3, 64, 64, 3)
