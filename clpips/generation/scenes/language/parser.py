"""From known words to a :class:`Description`: one pass from left to right."""

from __future__ import annotations

from dataclasses import replace

from clpips.generation.scenes.language.description import ColourWord, Description, Relation, Thing
from clpips.generation.scenes.language.lexicon import Word, read

_PRONOUNS = frozenset({"it", "them", "its", "their", "each"})
_DESCRIBES = frozenset({"colour", "modifier", "size", "material", "pattern", "object", "part"})
_TWO_OF_THEM = frozenset({"orange", "rose"})
_PLURAL_PLACES = {"mountain": "mountains"}
_NATURAL_PLACES = frozenset({"mountains", "sky"})


def parse(prompt: str) -> Description:
    """What a prompt asks for; never fails, unknown words are listed instead."""
    return _Reader(list(read(prompt))).description()


class _Reader:
    """The state of one pass: what has been said and not yet been given to a thing."""

    def __init__(self, found: list[Word]) -> None:
        self.words = found
        self.things: list[Thing] = []
        self.scene = Description()
        self.unknown: list[str] = []
        self.relation: str | None = None
        self.clause_has_thing = False
        self.head = 0
        self.clear()
        self.position: dict[str, str] = {}

    def clear(self) -> None:
        """Forget the adjectives said so far."""
        self.colours: list[ColourWord] = []
        self.modifier = ""
        self.settled: dict[str, str] = {}
        self.count: int | None = None
        self.amount = ""
        self.definite = False

    def description(self) -> Description:
        """Read every word and hand over the result."""
        for at, word in enumerate(self.words):
            self.take(at, word)
        self.settle_position()
        return replace(
            self.scene,
            things=tuple(self.things[:8]),
            not_understood=tuple(dict.fromkeys(self.unknown)),
        )

    def next_meanings(self, at: int) -> Word:
        """The word after ``at``, skipping 'and' and articles."""
        skipped = ("and", "the", "a", "an", "of")
        rest = (word for word in self.words[at + 1 :] if word.text not in skipped)
        return next(rest, Word(",", {}))

    def take(self, at: int, word: Word) -> None:
        """Give one word to the slot that it fills."""
        if word.text == ",":
            self.settle_position()
            self.clause_has_thing = False
            return
        category = self.category(at, word)
        if category is None:
            self.take_unlisted(word)
        elif category in ("across", "upright", "depth"):
            self.take_position(word)
        else:
            getattr(self, f"take_{category}")(word, word.meanings[category])

    def category(self, at: int, word: Word) -> str | None:
        """The one category that a word has here; some words have several."""
        meanings = word.meanings
        following = self.next_meanings(at)
        names_next = bool(_DESCRIBES & set(following.meanings))
        if word.text in _TWO_OF_THEM:
            return "colour" if names_next else "object" if "object" in meanings else "colour"
        if "relation" in meanings:
            return "relation"
        if word.text == "light" and not names_next:
            return None
        if word.text == "soft" and not names_next:
            return "style"
        if word.plural and meanings.get("object") == "star" and self.count is None:
            return "object" if self.colours or self.settled else self.as_weather(word)
        if word.plural and meanings.get("object") in _PLURAL_PLACES and self.count is None:
            return self.as_place(word)
        for category in (
            "light_from", "object", "part", "colour", "modifier", "size", "material", "pattern",
            "count", "amount", "place", "light", "weather", "style", "across", "upright", "depth",
        ):  # fmt: skip
            if category in meanings:
                return category
        return None

    def as_weather(self, word: Word) -> str | None:
        """'stars' without a number are the sky's."""
        self.take_weather(word, "stars")
        return None

    def as_place(self, word: Word) -> str | None:
        """'mountains' without a number are where the scene is."""
        self.take_place(word, _PLURAL_PLACES[word.meanings["object"]])
        return None

    def take_unlisted(self, word: Word) -> None:
        """A word that fills no slot: articles, pronouns, sky and ground, or unknown."""
        if word.text == "the":
            self.definite = True
        elif word.text in ("a", "an"):
            self.count = 1
        elif word.text == "with" and self.things and not self.clause_has_with:
            self.head = len(self.things) - 1
        elif word.text in _PRONOUNS:
            self.relate_to_head()
        elif word.text == "sky":
            self.scene = replace(self.scene, sky_colours=tuple(self.colours))
            self.clear()
        elif word.text in ("background", "floor", "ground", "backdrop"):
            self.take_background()
        elif not word.stop and not word.meanings:
            self.unknown.append(word.text)

    @property
    def clause_has_with(self) -> bool:
        """Whether the head of the clause is already fixed by an earlier 'with'."""
        return self.head > 0 and self.clause_has_thing

    def take_background(self) -> None:
        """'a blue background': colours that belong to the place."""
        if self.colours:
            place = self.scene.place or "plain"
            self.scene = replace(self.scene, place=place, place_colours=tuple(self.colours))
        self.clear()
        self.relation = None

    def take_object(self, word: Word, kind: str) -> None:
        """A noun: a new thing with the adjectives so far, or one spoken of again."""
        known = next((i for i, thing in enumerate(self.things) if thing.kind == kind), None)
        bare = not self.colours and not self.settled and self.count is None
        if known is not None and bare and (self.definite or self.relation):
            self.spoken_of_again(known)
            return
        count = 1
        if self.count is not None and not (word.plural and self.count == 1):
            count = self.count
        elif word.plural:
            count = 0
        self.things.append(
            Thing(
                kind=kind,
                count=count,
                amount=self.amount,
                colours=tuple(self.colours[:1]),
                accents=tuple(self.colours[1:2]),
                lightness=self.modifier,
                **self.settled,  # type: ignore[arg-type] # only the text slots are ever settled
            )
        )
        self.place_new_thing()
        self.clear()
        self.clause_has_thing = True

    def place_new_thing(self) -> None:
        """The newest thing takes the waiting position and ends the waiting relation."""
        newest = len(self.things) - 1
        if self.position:
            self.things[newest] = replace(self.things[newest], **self.position)  # type: ignore[arg-type] # text slots
            self.position = {}
        if self.relation and newest > 0:
            self.anchor(newest - 1, newest)
        elif newest > 0 and self.between_open is not None:
            self.anchor(self.between_open, newest)
            self.between_open = None
        else:
            self.relation = None

    between_open: int | None = None

    def anchor(self, subject: int, anchor: int) -> None:
        """``subject`` stands in the waiting relation to ``anchor``."""
        how = self.relation or "between"
        old = self.things[subject].relation
        anchors = (*old.anchors, anchor) if old and old.how == how else (anchor,)
        if subject not in anchors:
            self.things[subject] = replace(self.things[subject], relation=Relation(how, anchors))
        if self.relation == "between":
            self.between_open = subject
        self.relation = None

    def spoken_of_again(self, known: int) -> None:
        """'… behind the house': the house is an anchor, not a second house."""
        subject = len(self.things) - 1
        if self.relation and subject != known:
            self.anchor(subject, known)
        elif self.between_open is not None:
            self.anchor(self.between_open, known)
            self.between_open = None
        self.clear()

    def relate_to_head(self) -> None:
        """'with two trees behind it': 'it' is the thing before 'with'."""
        newest = len(self.things) - 1
        if self.relation and newest > 0:
            head = self.head if self.head != newest else newest - 1
            self.anchor(newest, head)
        self.relation = None

    def take_part(self, word: Word, part: str) -> None:
        """'with a red roof': colours of a part are the thing's second colour."""
        if self.things and self.colours:
            newest = replace(self.things[-1], accents=tuple(self.colours[:1]))
            if part in ("spot", "dot"):
                newest = replace(newest, pattern="dotted")
            self.things[-1] = newest
        self.clear()

    def take_colour(self, word: Word, name: str) -> None:
        """A colour, with the 'dark' or 'light' said before it."""
        self.colours.append(ColourWord(name, self.modifier))
        self.modifier = ""

    def take_modifier(self, word: Word, modifier: str) -> None:
        """'dark', 'light', … wait for a colour or a noun."""
        self.modifier = modifier

    def take_size(self, word: Word, size: str) -> None:
        """A size waits for its noun."""
        self.settled["size"] = size

    def take_material(self, word: Word, material: str) -> None:
        """A material waits for its noun; 'made of wood' after one belongs to it."""
        if word.text.startswith("made") and self.things:
            self.things[-1] = replace(self.things[-1], material=material)
        else:
            self.settled["material"] = material

    def take_pattern(self, word: Word, pattern: str) -> None:
        """'striped' waits for its noun; 'with white stripes' belongs to the last."""
        if word.text in ("stripes", "stripe", "dots", "spots", "polka dots", "checks"):
            if self.things:
                accents = tuple(self.colours[:1]) or self.things[-1].accents
                self.things[-1] = replace(self.things[-1], pattern=pattern, accents=accents)
            self.clear()
        else:
            self.settled["pattern"] = pattern

    def take_count(self, word: Word, count: str) -> None:
        """A number waits for its noun."""
        self.count = int(count)

    def take_amount(self, word: Word, amount: str) -> None:
        """'several' waits for its noun."""
        self.amount, self.count = amount, 0

    def take_relation(self, word: Word, how: str) -> None:
        """A relation waits for its anchor."""
        self.relation = how

    def take_place(self, word: Word, place: str) -> None:
        """Where the scene is; colours before it are the ground's."""
        if place == "sky" and self.colours:
            self.scene = replace(self.scene, sky_colours=tuple(self.colours))
        elif self.scene.place is None or self.scene.place in _NATURAL_PLACES:
            colours = tuple(self.colours) or self.scene.place_colours
            material = self.settled.get("material") or self.scene.place_material
            if place != "sky" or not self.things:
                self.scene = replace(
                    self.scene, place=place, place_colours=colours, place_material=material
                )
        self.clear()
        self.relation = None

    def take_light(self, word: Word, light: str) -> None:
        """The time and light; the last one said stands."""
        if light == "night" and self.scene.light == "moonlit":
            return
        if word.text in ("night sky", "starry night"):
            self.take_weather(word, "stars")
        self.scene = replace(self.scene, light=light)
        self.relation = None
        self.modifier = ""

    def take_light_from(self, word: Word, side: str) -> None:
        """Where the light comes from."""
        self.scene = replace(self.scene, light_from=side)

    def take_weather(self, word: Word, weather: str) -> None:
        """Stars, rain, falling snow or clouds."""
        self.scene = replace(self.scene, weather=(*self.scene.weather, weather))
        self.relation = None

    def take_style(self, word: Word, style: str) -> None:
        """How the picture is made; the last one said stands."""
        self.scene = replace(self.scene, style=style)
        self.relation = None

    def take_position(self, word: Word) -> None:
        """'on the left' belongs to the last thing, or to the next if its clause has none yet."""
        slots = {
            slot: word.meanings[slot]
            for slot in ("across", "upright", "depth")
            if slot in word.meanings
        }
        self.relation = None
        if self.clause_has_thing and self.things:
            self.things[-1] = replace(self.things[-1], **slots)  # type: ignore[arg-type] # text slots
        else:
            self.position |= slots

    def settle_position(self) -> None:
        """A position that no later thing claimed belongs to the last thing."""
        if self.position and self.things:
            self.things[-1] = replace(self.things[-1], **self.position)  # type: ignore[arg-type] # text slots
        self.position = {}
