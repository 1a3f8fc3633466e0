"""Every word that ``scenes`` understands, by what it settles.

A table maps each meaning to the words and phrases for it; plurals are made by rule.
"""

from __future__ import annotations

from clpips.generation.scenes.drawing.colour import NAMED


def _table(rows: dict[str, str]) -> dict[str, str]:
    """``{meaning: "word, some phrase"}`` turned round: word → meaning, the meaning included."""
    return {
        word.strip(): meaning
        for meaning, words in rows.items()
        for word in [meaning, *words.split(",")]
        if word.strip()
    }


def _words(text: str) -> frozenset[str]:
    """The words of a text."""
    return frozenset(text.split())


OBJECTS = _table({
    "ball": "sphere, globe, marble ball, beach ball, football, orb",
    "cube": "block, dice, toy block", "cone": "traffic cone", "cylinder": "tube, pillar, column",
    "pyramid": "", "ring": "donut, doughnut, torus", "heart": "love heart", "box": "crate, chest",
    "gift": "present, parcel", "house": "cottage, home, hut, cabin, barn, farmhouse",
    "castle": "palace, fortress", "lighthouse": "", "tower": "turret", "windmill": "mill",
    "bridge": "", "tent": "teepee, tipi", "church": "chapel", "tree": "oak, maple",
    "pine": "pine tree, fir, fir tree, conifer, spruce, christmas tree, evergreen",
    "palm": "palm tree, coconut tree", "bush": "shrub, hedge",
    "flower": "daisy, blossom, poppy, rose flower", "tulip": "", "sunflower": "",
    "cactus": "cacti, cactuses, saguaro", "mushroom": "toadstool, fungus",
    "cat": "kitten, kitty", "dog": "puppy, hound", "bird": "robin, sparrow, songbird, bluebird",
    "fish": "goldfish, fishes", "butterfly": "moth", "rabbit": "bunny, hare", "owl": "",
    "penguin": "", "duck": "duckling", "sheep": "lamb", "bear": "teddy bear, teddy",
    "whale": "", "apple": "", "pear": "", "banana": "", "lemon": "", "orange": "", "cherry": "",
    "strawberry": "berry", "pumpkin": "squash", "cake": "birthday cake, cupcake", "egg": "",
    "cup": "mug, coffee cup, teacup", "bottle": "flask", "bowl": "dish", "vase": "jug, pot",
    "lamp": "table lamp, lantern", "chair": "stool, armchair", "table": "desk",
    "book": "novel, books stack, notebook", "teapot": "kettle, tea pot", "candle": "",
    "clock": "alarm clock", "umbrella": "parasol", "car": "automobile, motorcar, taxi, cab",
    "bus": "van, minibus", "truck": "lorry", "train": "locomotive, steam train",
    "boat": "sailboat, sailing boat, ship, yacht, sailing ship", "rocket": "spaceship, spacecraft",
    "plane": "airplane, aeroplane, aircraft, jet", "hot-air balloon": "hot air balloon, airship",
    "balloon": "toy balloon", "kite": "", "sun": "", "moon": "crescent moon, full moon, crescent",
    "star": "", "cloud": "", "rainbow": "", "planet": "saturn", "mountain": "peak, volcano",
    "rock": "boulder, pebble, stones", "snowman": "snow man", "bicycle": "bike, cycle",
    "fence": "", "bench": "", "island": "",
})  # fmt: skip

COLOURS = _table(dict.fromkeys(NAMED, "") | {
    "grey": "gray", "sky-blue": "sky blue, azure, baby blue", "gold": "golden", "purple": "plum",
    "navy": "navy blue", "emerald": "jade", "turquoise": "aqua, aquamarine", "tan": "sandy, khaki",
    "silver": "silvery", "magenta": "fuchsia", "black": "jet black, ebony", "violet": "mauve",
    "brown": "chestnut", "white": "snow white", "cream": "vanilla", "green": "grass green",
    "chocolate": "dark brown", "scarlet": "vermilion", "amber": "honey", "maroon": "wine red",
    "pink": "pinkish", "red": "reddish", "blue": "bluish", "yellow": "yellowish",
    "orange": "", "lime": "lime green",
})  # fmt: skip

MODIFIERS = _table({
    "dark": "darker", "light": "lighter", "pale": "faded", "bright": "brilliant",
    "deep": "rich", "soft": "gentle", "vivid": "saturated, colourful, colorful", "dull": "muted",
})  # fmt: skip

SIZES = _table({
    "tiny": "miniature, minute, very small", "small": "little, short", "medium": "medium-sized",
    "large": "big, tall, wide, very large", "huge": "giant, enormous, gigantic, massive, very big",
})  # fmt: skip

MATERIALS = _table({
    "wood": "wooden, timber, oak wood, made of wood", "metal": "metallic, steel, iron, chrome",
    "glass": "transparent, crystal", "stone": "rocky, concrete, granite, stony", "marble": "",
    "brick": "bricks", "fabric": "cloth, cotton, linen", "wool": "woollen, woolen, knitted, knit",
    "fur": "furry, fluffy, fuzzy", "paper": "cardboard, origami", "rust": "rusty, rusted",
    "gloss": "shiny, glossy, plastic, polished, smooth, porcelain, ceramic", "matte": "",
})  # fmt: skip

PATTERNS = _table({
    "striped": "stripes, stripe, stripy, stripey", "dotted": "spotted, dots, polka dot, spots, "
    "polka dots, spotty, polka-dot", "checkered": "chequered, checked, checks, tartan, plaid",
    "zigzag": "chevron, zig-zag",
})  # fmt: skip

COUNTS = {
    "one": 1, "single": 1, "two": 2, "pair": 2, "couple": 2, "both": 2, "three": 3, "four": 4,
    "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10, "dozen": 12,
}  # fmt: skip

AMOUNTS = _table(
    {"few": "some, pile, stack", "several": "group, bunch, row", "many": "lots, flock, crowd"}
)

PLACES = _table({
    "beach": "shore, seaside, coast, sand", "sea": "ocean, water, waves",
    "lake": "pond, river, lakeside", "underwater": "under water, under the sea, seabed",
    "forest": "woods, woodland, jungle", "meadow": "field, grass, lawn, garden, park, hills, "
    "hill, countryside, farm, grassland, pasture, valley", "city": "town, street, skyline, urban",
    "desert": "dunes, dune, sand dunes, sahara", "snow": "snowy, winter, wintry, arctic, ice, "
    "snowy field", "mountains": "mountain range, alps, mountainous",
    "space": "outer space, galaxy, cosmos", "sky": "air",
    "room": "indoors, interior, living room, bedroom, kitchen, wall, house interior",
    "table-top": "table top, tabletop, on a table, on the table, on table, shelf, counter",
    "plain": "studio, plain background, empty background, simple background, backdrop",
})  # fmt: skip

LIGHTS = _table({
    "noon": "midday, daylight, sunny, daytime, sunlight, sunlit, clear sky, day",
    "dawn": "sunrise, morning, daybreak", "golden": "golden hour, golden light, warm light, "
    "late afternoon, warm evening light", "sunset": "sundown", "dusk": "twilight, evening, "
    "blue hour", "night": "at night, midnight, nighttime, night sky, starry night",
    "moonlit": "moonlight, moonlit night", "overcast": "cloudy, grey sky, gray sky, gloomy",
    "stormy": "storm, thunderstorm, thunder", "foggy": "fog, misty, mist, hazy, haze",
    "dim": "dimly lit, low light, shadowy, candlelight, candlelit", "backlit": "backlight, "
    "silhouette, lit from behind, light from behind",
})  # fmt: skip

LIGHT_FROM = _table({
    "left": "light from the left, lit from the left, light from left, lit from left, "
    "sunlight from the left",
    "right": "light from the right, lit from the right, light from right, lit from right, "
    "sunlight from the right",
    "above": "light from above, lit from above, light from the top",
})  # fmt: skip
LIGHT_FROM = {words: side for words, side in LIGHT_FROM.items() if " " in words}

WEATHER = _table({
    "stars": "starry, starry sky, under the stars, starlit", "rain": "rainy, raining",
    "snowfall": "snowing, falling snow, snowflakes", "clouds": "cloudscape",
    "clear": "cloudless",
})  # fmt: skip

STYLES = _table({
    "flat": "flat design, minimal, minimalist, vector, simple", "watercolour": "watercolor, "
    "water colour, water color, aquarelle", "pixel": "pixel art, pixelated, 8-bit, 8 bit",
    "sketch": "pencil, pencil sketch, drawn, hand drawn, charcoal drawing, pencil drawing",
    "oil": "oil painting, oil paint, painterly, impressionist, van gogh", "neon": "neon light, "
    "neon lights, glowing, synthwave", "pastel": "pastels, pastel colours, pastel colors",
    "vintage": "retro, sepia, antique, old photo", "poster": "screen print, pop art, "
    "screenprint, bold", "clay": "claymation, plasticine, clay model, 3d", "ink": "line art, "
    "cartoon, comic, outlined, outline", "soft": "storybook, illustration style",
})  # fmt: skip

ACROSS = _table({
    "left": "left side, left hand side, left-hand side, far left, bottom left, top left, upper "
    "left, lower left", "centre": "center, middle, central, centred, centered",
    "right": "right side, right hand side, right-hand side, far right, bottom right, top right, "
    "upper right, lower right",
})  # fmt: skip
UPRIGHT = _table({
    "top": "upper, top left, top right, upper left, upper right, in the sky, high up",
    "bottom": "lower, bottom left, bottom right, lower left, lower right",
})  # fmt: skip
DEPTHS = _table({
    "near": "in the foreground, foreground, in front, close up, close-up, closeup, close",
    "far": "in the background, in the distance, distance, distant, far away, faraway, far",
})  # fmt: skip
RELATIONS = _table({
    "behind": "in back of, at the back of", "front": "in front of",
    "beside": "next to, near, by, close to, alongside, near to, at the side of",
    "left_of": "left of, to the left of, on the left of", "right_of": "right of, to the right of, "
    "on the right of", "on": "on top of, upon, atop, onto", "above": "over, hovering over",
    "under": "below, beneath, underneath", "in": "inside, within", "between": "in between",
})  # fmt: skip
for _word in ("front", "left_of", "right_of"):
    del RELATIONS[_word]

PARTS = _words("""
    roof door window sail wing leaf petal trunk shade lampshade lid handle stem wheel flame
    ribbon scarf beak ear tail spot dot stripe band top hat cap fin cushion icing leave
    pattern frame button
""")  # fmt: skip

STOP_WORDS = _words("""
    a an the of and with is are was be being it its it's them they their this that these
    those to for from as at by into onto over in on up out off so very quite really rather
    there here has have having which who where while but or not no some any all each both i
    we you my our picture image photo photograph illustration drawing painting paint art
    artwork scene view style styled look looks looking like showing shows show depicting
    featuring please draw make made standing stands stand sitting sits sit lying lies lie
    resting rests floating floats flying flies swimming sailing driving parked growing set
    seen placed hanging side sides edge corner part area one colour colours color colors
    coloured colored tone tones hue lit light lighting lights background foreground sky
    ground floor surface time just also too other another against around across along
    through texture textured material set kind sort type front back beautiful nice pretty
    lovely cute size sized moment under hour during covered full rising setting shining
    visible two-tone sky's pattern patterned theme themed
""")  # fmt: skip
