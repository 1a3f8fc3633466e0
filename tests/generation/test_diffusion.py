"""Diffusion pipelines as makers, on a real pipeline with random weights."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hub import COMMIT, hub
from huggingface_hub import constants
from PIL import Image
from small_pipeline import save_small_pipeline

from clpips.errors import Cancelled, GenerationError
from clpips.generation import Generated, Request, Watch, open_maker
from clpips.generation.diffusion import hub as pipelines
from clpips.generation.diffusion import maker as diffusion_module
from clpips.generation.diffusion.latent_preview import Preview
from clpips.generation.diffusion.maker import Diffusers
from clpips.generation.diffusion.settings import SCHEDULERS, DiffusionSettings
from clpips.generation.pixel_hash import difference
from clpips.generation.scenes import image_seed

STEPS = {"steps": 3}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_small_pipeline(tmp_path_factory.mktemp("models") / "small")


@pytest.fixture
def maker(folder: Path) -> Diffusers:
    return Diffusers(str(folder))


def asked(prompt: str = "a red house", seed: int = 5, count: int = 1, **more: Any) -> Request:
    options = more.pop("options", STEPS)
    return Request(prompt, seed, count, 64, 64, options, **more)


def made(maker: Diffusers, request: Request) -> list[Generated]:
    return list(maker.generate(request))


def test_a_folder_is_opened_by_its_name_and_says_all_about_each_image(folder: Path) -> None:
    maker = open_maker(f"diffusers:{folder}")
    options = {"steps": 3, "guidance": 4.0, "negative_prompt": "a boat", "scheduler": "euler"}
    first, second = maker.generate(asked(count=2, options=options))
    source = first.provenance
    assert (first.image.size, first.image.mode) == ((64, 64), "RGB")
    assert (source.maker, source.prompt) == (f"diffusers:{folder}", "a red house")
    assert [source.seed, second.provenance.seed] == [image_seed(5, 0), image_seed(5, 1)]
    assert source.maker_version == source.options["model_sha256"][:12]
    assert source.options["scheduler"] == "EulerDiscreteScheduler"
    assert source.options["settings"]["negative_prompt"] == "a boat"
    assert (source.options["dtype"], source.options["device"]) == ("float32", "cpu")
    assert set(source.options["libraries"]) == {"diffusers", "transformers", "torch"}
    assert source.options["made_at"].endswith("+00:00")
    json.dumps(source.options)


def test_each_image_can_be_made_again_by_itself_byte_for_byte(maker: Diffusers) -> None:
    for each in made(maker, asked(count=3)):
        assert difference(maker.remake(each.provenance), each.image).is_none


def test_another_seed_or_prompt_gives_another_image(maker: Diffusers) -> None:
    first, other = made(maker, asked(count=2))
    (elsewhere,) = made(maker, asked("two green trees"))
    assert difference(first.image, other.image).largest > 0
    assert difference(first.image, elsewhere.image).largest > 0


def test_an_image_to_start_from_is_heeded_and_noted(maker: Diffusers) -> None:
    start = Image.new("RGB", (96, 96), "teal")
    (near,) = made(maker, asked(start=start, strength=0.4))
    (far,) = made(maker, asked(start=start, strength=1.0))
    assert near.image.size == (64, 64)
    assert near.provenance.options["strength"] == 0.4
    assert difference(near.image, far.image).largest > 0
    assert difference(maker.remake(near.provenance, start=start), near.image).is_none
    with pytest.raises(GenerationError, match="started from"):
        maker.remake(near.provenance)


def test_another_model_cannot_make_an_image_again(maker: Diffusers, tmp_path: Path) -> None:
    (one,) = made(maker, asked())
    other = tmp_path / "other"
    shutil.copytree(maker.source, other)
    with pytest.raises(GenerationError, match="made again only by"):
        Diffusers(str(other)).remake(one.provenance)


def test_a_changed_file_makes_another_version(maker: Diffusers, tmp_path: Path) -> None:
    other = tmp_path / "other"
    shutil.copytree(maker.source, other)
    assert Diffusers(str(other)).version == maker.version
    (other / "scheduler" / "scheduler_config.json").write_text("{}")
    assert Diffusers(str(other)).version != maker.version


@pytest.mark.parametrize("name", sorted(SCHEDULERS))
def test_every_named_scheduler_runs(maker: Diffusers, name: str) -> None:
    (one,) = made(maker, asked(options={"steps": 4, "scheduler": name}))
    assert one.provenance.options["scheduler"] == SCHEDULERS[name]


def test_a_scheduler_is_chosen_for_one_request_only(maker: Diffusers) -> None:
    (before,) = made(maker, asked())
    made(maker, asked(options={"steps": 2, "scheduler": "euler"}))
    (after,) = made(maker, asked())
    assert after.provenance.options["scheduler"] == "DDIMScheduler"
    assert difference(before.image, after.image).is_none


def test_progress_goes_by_denoising_step_with_a_preview(maker: Diffusers) -> None:
    told: list[tuple[float, str]] = []
    seen: list[tuple[int, int]] = []
    watch = Watch(
        lambda share, words: told.append((share, words)),
        preview=lambda picture: seen.append(picture().size),
    )
    list(maker.generate(asked(count=2), watch))
    shares = [share for share, _ in told]
    assert shares == sorted(shares) and shares[-1] == 1.0
    where = {words: share for share, words in told}
    assert where["Image 2 of 2: step 1 of 3"] == pytest.approx(4 / 6)
    assert seen == [(64, 64)] * 6


def test_a_cancel_is_heeded_between_steps(maker: Diffusers) -> None:
    steps = iter(range(100))
    watch = Watch(cancelled=lambda: next(steps) > 3)
    with pytest.raises(Cancelled):
        list(maker.generate(asked(count=4, options={"steps": 50}), watch))
    assert next(steps) < 8


def test_words_behind_the_last_token_are_said_to_be_unread(maker: Diffusers) -> None:
    (short,) = made(maker, asked("a red house by the sea"))
    (long,) = made(maker, asked("a red house " + "by the sea " * 6 + "with a lighthouse"))
    assert short.provenance.not_understood == ()
    assert "lighthouse" in long.provenance.not_understood
    assert "house" not in long.provenance.not_understood


class Withholding:
    """A pipeline whose safety checker withholds its first images."""

    def __init__(self, pipeline: Any, times: int) -> None:
        self.pipeline, self.left = pipeline, times

    def __getattr__(self, name: str) -> Any:
        return getattr(self.pipeline, name)

    def __call__(self, **asked: Any) -> Any:
        found = self.pipeline(**asked)
        self.left -= 1
        found.nsfw_content_detected = [self.left >= 0]
        return found


@pytest.fixture
def withholding(maker: Diffusers) -> Iterator[Any]:
    source = diffusion_module.source_of(maker.source, revision=None, watch=Watch())
    loaded = diffusion_module.loaded_pipeline(source, "auto")
    pipeline = loaded.pipeline

    def times(count: int) -> None:
        loaded.pipeline = Withholding(pipeline, count)

    yield times
    loaded.pipeline = pipeline


def test_a_withheld_image_is_replaced_and_that_is_noted(maker: Diffusers, withholding: Any) -> None:
    withholding(1)
    first, second = made(maker, asked(count=2))
    assert first.provenance.options["withheld_before"] == 1
    assert first.provenance.seed == image_seed(5, 2)  # the next seed that no other image has
    assert second.provenance.options["withheld_before"] == 0


def test_withheld_images_never_enter_silently(maker: Diffusers, withholding: Any) -> None:
    withholding(3)
    with pytest.raises(GenerationError, match="safety checker"):
        made(maker, asked())


@pytest.mark.parametrize(
    ("options", "rule"),
    [
        ({"steps": 0}, "steps must be a whole number between 1 and 200, got 0"),
        ({"steps": 2.5}, "steps must be a whole number"),
        ({"guidance": float("nan")}, "guidance must lie between 0 and 50"),
        ({"scheduler": "magic"}, "scheduler must be one of ddim"),
        ({"dtype": "int8"}, "dtype must be one of auto"),
        ({"negative_prompt": 3}, "negative_prompt must be a text"),
        ({"negative_prompt": "a" * 2001}, "at most 2000 characters, got 2001"),
        ({"cfg": 3}, "an option of a diffusers model must be one of steps"),
    ],
)
def test_a_wrong_option_is_named(maker: Diffusers, options: dict[str, Any], rule: str) -> None:
    with pytest.raises(GenerationError, match=rule):
        made(maker, asked(options=options))


def test_sides_must_be_whole_latents(maker: Diffusers) -> None:
    with pytest.raises(GenerationError, match="multiples of 8 pixels, got 68 × 64"):
        list(maker.generate(Request("a hat", 1, 1, 68, 64, STEPS)))


def test_the_models_own_size_is_made_whatever_is_asked(folder: Path) -> None:
    maker = Diffusers(str(folder), default=DiffusionSettings(steps=2, native_size=True))
    (one,) = maker.generate(Request("a hat", 1, 1, 512, 512))
    assert one.image.size == (64, 64)


# --- what cannot be had ----------------------------------------------------------------------


@pytest.mark.parametrize("name", ["/no/such/folder", "just-a-word", "a/b/c"])
def test_a_source_is_a_folder_or_an_id(name: str) -> None:
    with pytest.raises(GenerationError, match="must be a folder with model_index"):
        made(Diffusers(name), asked())


def test_a_folder_without_an_index_is_no_model(tmp_path: Path) -> None:
    with pytest.raises(GenerationError, match="readable model_index"):
        made(Diffusers(str(tmp_path)), asked())


def test_pickled_weights_are_never_read(maker: Diffusers, tmp_path: Path) -> None:
    other = tmp_path / "pickled"
    shutil.copytree(maker.source, other)
    weights = other / "unet" / "diffusion_pytorch_model.safetensors"
    weights.rename(weights.with_suffix(".bin"))
    with pytest.raises(GenerationError, match=r"safetensors files, got pickles alone in .*unet"):
        made(Diffusers(str(other)), asked())


def test_a_model_that_does_not_load_says_so_in_one_sentence(
    maker: Diffusers, tmp_path: Path
) -> None:
    other = tmp_path / "broken"
    shutil.copytree(maker.source, other)
    (other / "unet" / "config.json").write_text("{}")
    with pytest.raises(GenerationError, match="must load as a text-to-image pipeline") as told:
        made(Diffusers(str(other)), asked())
    assert "\n" not in str(told.value)


def test_a_pipeline_of_the_models_own_code_is_not_run(maker: Diffusers, tmp_path: Path) -> None:
    other = tmp_path / "code"
    shutil.copytree(maker.source, other)
    index = json.loads((other / "model_index.json").read_text())
    index["_class_name"] = ["pipeline", "Mine"]
    (other / "model_index.json").write_text(json.dumps(index))
    (other / "pipeline.py").write_text("raise SystemExit('run')")
    with pytest.raises(GenerationError, match="must load as a text-to-image pipeline"):
        made(Diffusers(str(other)), asked())


# --- the hub ---------------------------------------------------------------------------------

PROGRAM = """
import sys
from clpips.generation import Request, Watch, open_maker
told = []
maker = open_maker("diffusers:" + sys.argv[1])
watch = Watch(lambda share, words: told.append(words))
(one,) = maker.generate(Request("a red house", 5, 1, 64, 64, {"steps": 3}), watch)
one.image.save(sys.argv[2])
print(one.provenance.maker_version, any("Downloading the model" in each for each in told))
"""


def from_hub(address: str, home: Path, name: str, image: Path) -> subprocess.CompletedProcess[str]:
    settings = {"HF_ENDPOINT": address, "HF_HOME": str(home), "OMP_NUM_THREADS": "1"}
    return subprocess.run(
        [sys.executable, "-c", PROGRAM, name, str(image)],
        env={**os.environ, **settings},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A hub's cache of this test's own, for this process and for :func:`from_hub`."""
    home = tmp_path / "home"
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(home / "hub"))
    return home


def test_an_id_is_downloaded_once_and_loaded_as_its_folder_is(
    maker: Diffusers, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = tmp_path / "model"
    shutil.copytree(maker.source, model)
    (model / "everything.ckpt").write_bytes(b"pickle")
    (model / "unet" / "diffusion_pytorch_model.bin").write_bytes(b"pickle")
    (model / "unet" / "diffusion_pytorch_model.fp16.safetensors").write_bytes(b"half")
    (here,) = made(maker, asked())
    told: list[str] = []
    with hub({"someone/small": model}) as (address, fetched):
        pattern = f"{address}/{{repo_id}}/resolve/{{revision}}/{{filename}}"
        monkeypatch.setattr(constants, "ENDPOINT", address)
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", pattern)
        watch = Watch(lambda share, words: told.append(words))
        (first,) = Diffusers("someone/small").generate(asked(), watch)
        assert first.provenance.maker_version == COMMIT
        assert any("Downloading the model" in each for each in told)
        assert difference(here.image, first.image).is_none
        assert fetched
        assert not [
            each for each in fetched if each.endswith((".ckpt", ".bin", ".fp16.safetensors"))
        ]
    # The hub is gone: what was downloaded serves another process.
    image = tmp_path / "made.png"
    second = from_hub(address, home, "someone/small", image)
    assert second.stdout.split() == [COMMIT, "False"], second.stderr
    with Image.open(image) as made_there:
        assert difference(here.image, made_there).is_none


@pytest.mark.slow
def test_a_hub_that_has_no_such_model_is_believed(tmp_path: Path) -> None:
    with hub({}) as (address, _):
        told = from_hub(address, tmp_path / "home", "someone/none", tmp_path / "x.png").stderr
    assert "the model someone/none could not be had from the hub" in told


def test_an_id_that_cannot_be_had_names_the_folder_that_would_do(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def gone(*args: Any) -> Path:
        raise OSError("no network\nand more lines")

    monkeypatch.setattr(pipelines, "_fetched", gone)
    monkeypatch.setattr(pipelines, "_cached", gone)
    with pytest.raises(GenerationError, match=r"from the hub \(no network\); .*diffusers:<folder>"):
        made(Diffusers("someone/none"), asked())


# --- previews --------------------------------------------------------------------------------


def test_a_large_autoencoders_preview_keeps_the_colours(
    maker: Diffusers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The linear map is exact where latents are linear in colours."""
    import torch

    class Linear(torch.nn.Module):
        config = type("C", (), {"block_out_channels": (1, 1), "scaling_factor": 0.5})()

        def __init__(self) -> None:
            super().__init__()
            self.mix = torch.nn.Conv2d(3, 4, 1)

        def encode(self, card: torch.Tensor) -> Any:
            mean = self.mix(torch.nn.functional.avg_pool2d(card, 2))
            return type("E", (), {"latent_dist": type("D", (), {"mean": mean})()})()

    monkeypatch.setattr("clpips.generation.diffusion.latent_preview.SMALL", 0)
    torch.manual_seed(0)
    autoencoder = Linear()
    preview = Preview.of(autoencoder)
    colour = torch.tensor([0.5, -0.25, 0.75])
    card = colour[None, :, None, None].expand(1, 3, 8, 8)
    with torch.no_grad():
        latents = autoencoder.encode(card).latent_dist.mean * 0.5
    shown = np.asarray(preview.picture(latents))
    assert np.abs(shown - (colour.numpy() + 1) * 127.5).max() <= 1
