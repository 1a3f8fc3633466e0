"""The Rankings tab: every ranking as it was made, with its images, a page at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import streamlit as st

from app.store import Store
from app.study.records import Attempt, RankedRound
from app.study.submission import BoardRanking
from app.study.types import Candidate, Round, Study
from app.views.researcher import pages
from app.views.researcher.formatting import moment, plural, target_names, took
from app.views.researcher.html import Html, badge, image, join, muted, show
from app.views.researcher.rankings import regenerate

PER_PAGE = 20
ALL = "All"
BOARDS = {"repeat": "Repeat", "calibration": "Shared board", "duel": "Blind A/B"}
OUTCOMES = {
    "duplicate": "sent again, already stored",
    "conflict": "a different ranking was sent from elsewhere; the first one counts",
    "refused": "refused",
}


def draw(store: Store, study: Study) -> None:
    """Filters, then one page of rankings."""
    people = store.rounds.ranked_labels(study.id)
    if not people:
        st.info("No ranking has been submitted yet. Each one appears here as soon as it is stored.")
        return
    label, image_ = _filters(people, target_names(store.rounds.ranked_targets(study.id)))
    count = store.rounds.count_ranked(study.id, label=label, image=image_)
    page = pages.choose(count, PER_PAGE, "ranking", key="rankings-page")
    if count <= PER_PAGE:
        show(muted(plural(count, "ranking") if count else "No ranking matches."))
    for ranked in store.rounds.ranked_page(
        study.id, label=label, image=image_, offset=page.offset, limit=PER_PAGE
    ):
        history = store.rankings.history(ranked.round.id)
        show(ranking_card(ranked, history, store.rankings.attempts(ranked.round.id)))
        regenerate.draw(store, study, ranked.round)


def ranking_card(
    ranked: RankedRound, history: Sequence[BoardRanking], attempts: Sequence[Attempt]
) -> Html:
    """One ranking: who, what they wrote, the images nearest first, and what else happened."""
    person, trial, board = ranked
    ranking = board.ranking
    if ranking is None:
        return Html("")
    return join(
        Html("<article class='cl-ranking'><p class='cl-line'>"),
        Html(f"<strong>{join(person.label)}</strong>"),
        Html("<span>"),
        f"{trial.target.name}, round {board.number}",
        Html("</span>"),
        Html(f"<span class='cl-quiet'>{moment(ranking.submitted_at)}"),
        Html(f" · {took(ranking.elapsed_ms)}</span>"),
        kind_badge(board),
        badge(f"edited {plural(ranking.revision - 1, 'time')}") if ranking.revision > 1 else "",
        Html("</p>"),
        join(Html("<p>“"), board.prompt, Html("”</p>")) if board.prompt else "",
        sureness(ranking),
        not_understood(board.candidates),
        strip(ranked, ranking),
        changes(board, history),
        unusual(attempts),
        Html("</article>"),
    )


def kind_badge(board: Round) -> Html:
    """What kind of board it was, unless it was one of the participant's own rounds."""
    words = BOARDS.get(board.kind)
    return badge(words, "note") if words else Html("")


def sureness(ranking: BoardRanking) -> Html:
    """How sure the participant was; nothing where they did not say."""
    if ranking.confidence is None:
        return Html("")
    return muted(f"Confidence: {1 + round(4 * ranking.confidence)} of 5")


def strip(ranked: RankedRound, ranking: BoardRanking) -> Html:
    """The target, then the candidates nearest first, each with its rank."""
    candidates = {candidate.id: candidate for candidate in ranked.round.candidates}
    items = [
        _figure(ranked.trial.target.image, "Target", "target", kind="cl-target"),
        *(
            _figure(candidates[id_].image, f"Rank {rank}", _place(rank, place, ranking))
            for place, (id_, rank) in enumerate(zip(ranking.order, ranking.ranks, strict=True))
        ),
    ]
    return join(Html("<ol class='cl-strip' tabindex='0'>"), *items, Html("</ol>"))


def not_understood(candidates: Sequence[Candidate]) -> Html:
    """Words of the prompt that the maker did not use; the same for all candidates."""
    words = dict.fromkeys(word for each in candidates for word in each.provenance.not_understood)
    return muted("Words not understood: " + ", ".join(words)) if words else Html("")


def changes(board: Round, history: Sequence[BoardRanking]) -> Html:
    """Every revision of a ranking: the images by shown position, nearest first."""
    if len(history) < 2:
        return Html("")
    place = {candidate.id: candidate.position + 1 for candidate in board.candidates}
    lines = [
        muted(
            f"Revision {each.revision}, {moment(each.submitted_at)}: images "
            + ", ".join(str(place[id_]) for id_ in each.order)
            + (" (current)" if each is history[-1] else "")
        )
        for each in history
    ]
    return _details("Edit history", lines)


def unusual(attempts: Sequence[Attempt]) -> Html:
    """Attempts that did not become a ranking."""
    lines = [
        muted(
            f"{moment(each.at)}: {OUTCOMES[each.outcome]}"
            + (f" ({each.message})" if each.message else "")
        )
        for each in attempts
        if each.outcome in OUTCOMES
    ]
    return _details(plural(len(lines), "further attempt"), lines) if lines else Html("")


def _filters(people: Sequence[str], targets: Mapping[str, str]) -> tuple[str | None, str | None]:
    """The label of the participant and the image of the target that are chosen."""
    left, right = st.columns(2)
    # In the address, so that a number of the report can lead to the rankings behind it.
    person = left.selectbox(
        "Participant", [ALL, *people], key="rankings-person", bind="query-params"
    )
    target = right.selectbox(
        "Target",
        [None, *targets],
        format_func=lambda image_: ALL if image_ is None else targets[image_],
        key="rankings-target",
        bind="query-params",
    )
    return None if person == ALL else person, target


def _place(rank: int, place: int, ranking: BoardRanking) -> str:
    words = str(rank)
    if ranking.ranks.count(rank) > 1:
        words += " (tie)"
    if place == 0:
        return f"{words} nearest"
    return f"{words} farthest" if place == len(ranking.order) - 1 else words


def _figure(sha: str, alt: str, words: str, *, kind: str = "") -> Html:
    return Html(f"<li class='{kind}'>{image(sha, alt, side=132)}{join(words)}</li>")


def _details(summary: str, lines: Sequence[Html]) -> Html:
    head = Html(f"<details><summary class='cl-quiet'>{join(summary)}</summary>")
    return join(head, *lines, Html("</details>"))
