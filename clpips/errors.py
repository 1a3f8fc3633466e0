"""Every error that the project raises on purpose, as one tree.

    ClpipsError
    ├── InputError                an invalid input (exit status 2)
    │   ├── ImageError            not an image, too large, outside its stated range
    │   ├── RankingError          a ranking that cannot exist
    │   │   └── RankingsFileError a rankings file: names file, row and rule
    │   ├── MetricFileError       a personal metric or weights file that is not one
    │   ├── DatasetError          a table, data set or embeddings file that breaks a rule
    │   ├── GenerationError       a request that no maker can serve
    │   └── StudyError            a study, link or submission that breaks a rule
    ├── WeightsError              backbone weights not available from any source
    ├── UndefinedStatistic        a statistic that does not exist for these data
    ├── MissingExtra              a package that an extra brings is not installed
    ├── NotFitted                 learnt state was used before ``fit``
    └── Cancelled                 the caller cancelled

``StoppedShort`` is a warning and outside the tree.

Each carries one plain sentence: the rule, then the fact, with the value.
"""


class ClpipsError(Exception):
    """Base of every error raised on purpose; ``str(error)`` is one sentence for people."""


class InputError(ClpipsError):
    """An invalid input; nothing was changed. Exit status 2."""


class ImageError(InputError):
    """Not an image, larger than the pixel limit, or outside its stated range."""


class RankingError(InputError):
    """A ranking that cannot exist: a repeated image, a rank below 1, unequal lengths."""


class RankingsFileError(RankingError):
    """A rankings file breaks a rule; the sentence names file, row and rule."""


class MetricFileError(InputError):
    """A personal metric or weights file with missing, extra or impossible content."""


class DatasetError(InputError):
    """A table of images, a data set or an embeddings file breaks a rule; names file and row."""


class GenerationError(InputError):
    """A generation request that the maker cannot serve."""


class StudyError(InputError):
    """A study, participant link or submission that breaks a rule."""


class WeightsError(ClpipsError):
    """Backbone weights are not available; the sentence lists every source tried."""


class UndefinedStatistic(ClpipsError, ValueError):
    """The statistic does not exist for these data, for example Spearman of a constant."""


class MissingExtra(ClpipsError):
    """A package that comes with an extra is not installed; the sentence says what to install."""


class NotFitted(ClpipsError):
    """Learnt state was used before ``fit``."""


class StoppedShort(RuntimeWarning):
    """A fit whose weights are not quite the best ones; the sentence names the participant."""


class Cancelled(ClpipsError):
    """The caller cancelled; existing results are unchanged."""
