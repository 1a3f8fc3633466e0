"""The built-in maker: what it understands, that it repeats itself, and that words help."""

import hashlib
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from clpips.errors import Cancelled, GenerationError
from clpips.generation.protocol import Maker, Request, open_maker
from clpips.generation.scenes import Scenes, draw, image_seed, png, sample_targets, vocabulary
from clpips.generation.scenes.composition.clusters import Placed
from clpips.generation.scenes.composition.layout import lay_out
from clpips.generation.scenes.composition.setting import settle_setting
from clpips.generation.scenes.composition.style import STYLES
from clpips.generation.scenes.language.parser import parse
from clpips.generation.scenes.maker import VERSION
from clpips.generation.scenes.things.registry import KINDS
from clpips.generation.seeds import Chance
from clpips.progress import Watch

RICH = "a red wooden house on the left with two small green trees behind it, at sunset, watercolour"


def opened(path: Path) -> Image.Image:
    with Image.open(path) as image:
        return image.convert("RGB")


def pixels(image: Image.Image) -> np.ndarray:
    return np.asarray(image.convert("RGB"), dtype=np.float64)


def placed(prompt: str, seed: int) -> list[Placed]:
    chance = Chance(seed)
    return lay_out(settle_setting(parse(prompt), 1000.0, chance), chance.at("layout"))


def dissimilarity(first: Image.Image, second: Image.Image) -> float:
    """Colour and structure at low resolution; 0 for equal pictures, larger is farther."""
    a, b = (pixels(i.resize((16, 16), Image.Resampling.BOX)) / 255 for i in (first, second))
    structure = sum(np.abs(np.diff(a, axis=axis) - np.diff(b, axis=axis)).mean() for axis in (0, 1))
    return float(np.abs(a - b).mean() + structure)


# --- words ----------------------------------------------------------------------------------


def test_a_rich_prompt_is_understood_whole() -> None:
    asked = parse(RICH)
    house, trees = asked.things
    assert (house.kind, house.material, house.across) == ("house", "wood", "left")
    assert house.colours[0].name == "red"
    assert (trees.kind, trees.count, trees.size) == ("tree", 2, "small")
    assert trees.relation is not None
    assert (trees.relation.how, trees.relation.anchors) == ("behind", (0,))
    assert (asked.light, asked.style, asked.not_understood) == ("sunset", "watercolour", ())


@pytest.mark.parametrize(
    ("prompt", "kind", "count"),
    [
        ("three cherries", "cherry", 3),
        ("7 boxes", "box", 7),
        ("a pair of puppies", "dog", 2),
        ("an orange", "orange", 1),
        ("two cacti", "cactus", 2),
        ("a hot air balloon", "hot-air balloon", 1),
        ("several fishes", "fish", 0),
    ],
)
def test_plurals_synonyms_and_numbers(prompt: str, kind: str, count: int) -> None:
    thing = parse(prompt).things[0]
    assert (thing.kind, thing.count) == (kind, count)


def test_unknown_words_are_reported_and_stop_words_are_not() -> None:
    asked = parse("a picture of the zorgle and a horse, there is a quixotic cat on it")
    assert asked.not_understood == ("zorgle", "horse", "quixotic")
    assert [thing.kind for thing in asked.things] == ["cat"]


def test_a_slip_of_the_finger_is_understood() -> None:
    asked = parse("a yelow umbrela and a moutnain")
    assert asked.not_understood == ()
    assert [thing.kind for thing in asked.things] == ["umbrella", "mountain"]


def test_orange_is_a_colour_before_a_noun_and_a_fruit_alone() -> None:
    assert parse("an orange cat").things[0].colours[0].name == "orange"
    assert parse("a cat and an orange").things[1].kind == "orange"


def test_a_part_gives_the_second_colour() -> None:
    house = parse("a white house with a dark blue roof").things[0]
    assert (house.accents[0].name, house.accents[0].modifier) == ("blue", "dark")


def test_light_may_come_from_a_side() -> None:
    assert parse("a ball, light from the left").light_from == "left"
    assert parse("a ball on the left").light_from is None


def test_every_word_of_the_hint_is_understood() -> None:
    for words in vocabulary().values():
        for word in words:
            assert parse(f"a cat {word}").not_understood == (), word
    assert len(vocabulary()["things"]) >= 35
    assert len(vocabulary()["colours"]) >= 20


# --- the picture ----------------------------------------------------------------------------


def test_the_same_prompt_seed_and_size_give_the_same_bytes() -> None:
    assert png(draw(RICH, 5, width=128, height=96)) == png(draw(RICH, 5, width=128, height=96))


def test_image_i_can_be_made_again_by_itself() -> None:
    made = list(Scenes().generate(Request("a cat", seed=3, count=3, width=96, height=96)))
    assert [one.provenance.seed for one in made] == [image_seed(3, i) for i in range(3)]
    again = draw("a cat", image_seed(3, 2), width=96, height=96)
    assert png(again) == png(made[2].image) == png(Scenes().remake(made[2].provenance))
    fewer = list(Scenes().generate(Request("a cat", seed=3, count=1, width=96, height=96)))
    assert png(fewer[0].image) == png(made[0].image)


def test_another_version_is_not_remade() -> None:
    made = next(Scenes().generate(Request("a cat", seed=3, width=64, height=64)))
    other = type(made.provenance)(**{**asdict(made.provenance), "maker_version": "0.0"})
    with pytest.raises(GenerationError, match=r"got one of scenes 0\.0"):
        Scenes().remake(other)


def test_one_seed_shows_one_scene_at_every_size() -> None:
    for prompt in ("a red boat on the sea", RICH, "a cat, oil painting", "a house, pixel art"):
        small, large = (
            draw(prompt, 9, width=256, height=256),
            draw(prompt, 9, width=768, height=768),
        )
        other = draw(prompt, 10, width=256, height=256)
        assert dissimilarity(small, large) < 0.3 * dissimilarity(small, other), prompt


def test_a_settled_word_leaves_the_other_choices_alone() -> None:
    for seed in range(5):
        vague, precise = placed("a cat in a room", seed), placed("a red cat in a room", seed)
        assert vague[0].x == precise[0].x
        assert vague[0].size == precise[0].size


def test_every_kind_draws_and_shows() -> None:
    for seed, kind in enumerate(KINDS):
        with_it = draw(f"a {kind}, plain grey background, noon, flat", seed, width=64, height=64)
        without = draw("plain grey background, noon, flat", seed, width=64, height=64)
        assert np.abs(pixels(with_it) - pixels(without)).mean() > 0.8, kind


def test_every_place_light_and_style_draws_its_own_picture() -> None:
    words = vocabulary()
    for category in ("places", "light", "style"):
        seen = {png(draw(f"a ball, {word}", 4, width=64, height=64)) for word in words[category]}
        assert len(seen) >= len(words[category]) - 2, category
    assert set(words["style"]) == set(STYLES)


def test_nothing_asked_for_leaves_the_picture() -> None:
    prompts = [
        RICH, "a huge castle", "ten apples", "a cat next to a dog next to a car", "many fish",
        "a cup on a book on a table", "a boat on the right on a lake", "three owls on the left",
        "a bird above a house", "a plane at the top right", "a tower between two trees and a pine",
    ]  # fmt: skip
    for prompt in prompts:
        for seed in range(6):
            for copy in placed(prompt, seed):
                left, right = copy.x - copy.wide / 2, copy.x + copy.wide / 2
                assert left > -0.12 * copy.wide and right < 1000 + 0.12 * copy.wide, (prompt, seed)
                assert copy.y <= 1000 and copy.y - copy.size >= -10, (prompt, seed, copy.kind)


def test_positions_are_followed() -> None:
    for seed in range(6):
        by_kind = {c.kind: c for c in placed("a cat on the left and a dog on the right", seed)}
        assert by_kind["cat"].x < 480 < 520 < by_kind["dog"].x
        by_kind = {c.kind: c for c in placed("a ball between a cube and a cone", seed)}
        assert by_kind["cube"].x < by_kind["ball"].x < by_kind["cone"].x
        by_kind = {c.kind: c for c in placed("a cup on a red table", seed)}
        assert by_kind["cup"].y < by_kind["table"].y - 0.6 * by_kind["table"].size
        by_kind = {c.kind: c for c in placed("a tree behind a house", seed)}
        assert by_kind["tree"].depth < by_kind["house"].depth
        sizes = {c.kind: c.size for c in placed("a tiny cube and a huge ball", seed)}
        assert sizes["cube"] < 0.6 * sizes["ball"]


def test_four_pictures_of_a_vague_prompt_differ() -> None:
    for prompt in ("a house", "a cat", "a boat", "a flower"):
        four = [draw(prompt, image_seed(1, i), width=96, height=96) for i in range(4)]
        gaps = [dissimilarity(a, b) for i, a in enumerate(four) for b in four[:i]]
        assert min(gaps) > 0.05, prompt


def test_the_more_is_said_the_nearer_the_target() -> None:
    gaps = {"full": 0.0, "half": 0.0, "generic": 0.0}
    for target in sample_targets():
        wanted = opened(target.path)
        prompts = {"full": target.prompt, "half": target.attempts[1], "generic": "a picture"}
        for name, prompt in prompts.items():
            for i in range(3):
                made = draw(prompt, image_seed(77, i), width=96, height=96)
                gaps[name] += dissimilarity(made, wanted) / 36
    assert gaps["full"] < 0.9 * gaps["half"], gaps
    assert gaps["half"] < 0.88 * gaps["generic"], gaps


# --- the protocol ---------------------------------------------------------------------------


def test_it_is_the_maker_called_scenes() -> None:
    maker = open_maker("scenes")
    assert isinstance(maker, Maker)
    assert (maker.name, maker.version) == ("scenes", VERSION)


def test_provenance_says_everything() -> None:
    request = Request("a zorgle cat", seed=8, count=1, width=96, height=64, options={"a": 1})
    (made,) = Scenes().generate(request)
    told = made.provenance
    assert (told.maker, told.maker_version, told.prompt) == ("scenes", VERSION, "a zorgle cat")
    assert (told.seed, told.width, told.height) == (image_seed(8, 0), 96, 64)
    assert (dict(told.options), told.not_understood) == ({"a": 1}, ("zorgle",))
    assert told.seconds > 0
    assert made.image.size == (96, 64) and made.image.mode == "RGB"


def test_progress_is_told_and_cancelling_stops_between_images() -> None:
    told: list[float] = []
    watch = Watch(progress=lambda fraction, words: told.append(fraction))
    list(Scenes().generate(Request("a cat", seed=1, count=2, width=64, height=64), watch))
    assert told == [0.0, 0.5, 1.0]
    made = []
    with pytest.raises(Cancelled):
        for one in Scenes().generate(
            Request("a cat", seed=1, count=4, width=64, height=64),
            Watch(cancelled=lambda: len(made) == 2),
        ):
            made.append(one)
    assert len(made) == 2


# --- the sample targets ---------------------------------------------------------------------


def test_the_sample_targets_are_twelve_checked_files() -> None:
    targets = sample_targets()
    assert [target.name for target in targets] == [f"target-{i:02d}" for i in range(1, 13)]
    for target in targets:
        data = target.path.read_bytes()
        assert hashlib.sha256(data).hexdigest() == target.sha256
        assert len(data) < 400_000
        assert opened(target.path).size == (512, 512)
        assert target.maker_version == VERSION
        for prompt in (target.prompt, *target.attempts):
            assert parse(prompt).not_understood == (), prompt


def test_the_sample_targets_are_made_again_from_their_prompts() -> None:
    for target in sample_targets():
        gap = np.abs(pixels(target.make()) - pixels(opened(target.path)))
        # Not zero: other processors round a few shades differently.
        assert gap.mean() < 0.5, target.name


def test_a_missing_list_of_targets_is_one_clear_sentence(tmp_path: Path) -> None:
    with pytest.raises(GenerationError, match=r"must be listed in targets\.json"):
        sample_targets(tmp_path)
