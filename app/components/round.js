/* Following a round: what Streamlit says of it, what our own questions say, and what the outbox
   says of its submissions. Everything is keyed by the round's id: a new round starts from nothing,
   so no press and no draft can land on images that the person has not seen. */

const REMIND_MS = 2_000;
const STAGES = { generating: 0, ranking: 1, ranked: 2, failed: 3, cancelled: 3 };

class RoundFollower {
  // --- what Streamlit tells ----------------------------------------------------------------

  update(data, trigger) {
    this.data = data;
    this.trigger = trigger;
    this.open();
    if (this.round?.id === data.round.id) this.learn(data.round);
    else this.adopt(data.round);
    this.outbox.flush();
  }

  open() {
    const outbox = outboxOf(this.data.who);
    outbox.token = this.data.token;
    if (this.isOpen && outbox === this.outbox) return;
    this.close();
    this.outbox = outbox;
    this.isOpen = true;
    outbox.listeners.add(this.heard);
    document.addEventListener("keydown", this.pressed);
  }

  /* Streamlit took the board away. The outbox goes on by itself. */
  close() {
    this.isOpen = false;
    this.outbox?.listeners.delete(this.heard);
    document.removeEventListener("keydown", this.pressed);
    clearInterval(this.reminder);
    this.watching = null;
  }

  /* A round not seen before. */
  adopt(round) {
    clearInterval(this.reminder);
    if (this.parts.look.open) this.parts.look.close();
    this.abandonDrag();
    Object.assign(this, { round, shownPhase: null, editing: false, built: null });
    Object.assign(this, { held: null, preview: null, lifted: null, aim: null, openAt: Infinity });
    this.loaded = new Set();
    this.parts.frame.dataset.round = round.id;
    this.parts.verdict.textContent = ""; // the last round's "Saved" says nothing of this one
    this.parts.cancel.disabled = false;
    this.parts.cancel.textContent = "Cancel";
    this.say("");
    this.startFrom(shelf.read(this.draftKey()));
    this.paint();
  }

  /* News of the round in hand, from Streamlit or from our own questions; the later word wins. */
  learn(round) {
    const known = this.round;
    const older = STAGES[round.state] < STAGES[known.state];
    const stale = (round.ranking?.revision ?? 0) < (known.ranking?.revision ?? 0);
    if (older || stale) return this.paint();
    this.round = round;
    if (STAGES[round.state] > STAGES[known.state]) {
      if (known.state === "generating") this.startFrom(shelf.read(this.draftKey()));
      this.tell({ ranking: "ready", ranked: "saved" }[round.state] ?? round.state);
    }
    return this.paint();
  }

  /* What became of a submission: the only source of the word "Saved". */
  hear(item, answer) {
    if (item?.round === this.round.id) {
      if (answer.rejected) this.refused(item, answer);
      else {
        this.round = { ...this.round, state: "ranked", ranking: answer.ranking ?? this.round.ranking };
        if (!this.editing) shelf.remove(this.draftKey());
        const late = "This ranking was already submitted in another tab; that one counts.";
        this.say(answer.outcome === "conflict" ? late : "");
        if (!this.outbox.itemsOf(this.round.id).length) this.tell("saved");
      }
    }
    if (answer?.rejected && item.round !== this.round.id) this.say(refusal("An earlier ranking was not accepted", answer));
    const waits = this.outbox.itemsOf(this.round.id).length > 0;
    if (this.waited && !waits && !item) this.ask();
    this.waited = waits;
    this.paint();
  }

  /* The page may be older than the reason: Python reads the store again, once. */
  refused(item, answer) {
    const stands = item.payload.replaces && this.round.ranking;
    if (stands) this.say(`${refusal("Your change was not accepted", answer)} Your earlier ranking still counts.`);
    else this.say(refusal("This ranking was not accepted", answer));
    const revision = this.round.ranking?.revision ?? null;
    const event = { kind: "refused", round: item.round, revision };
    setTimeout(() => this.isOpen && this.trigger("event", event));
  }

  /* Another tab sent what waited here, and only that tab heard the answer. */
  async ask() {
    const { id } = this.round;
    try {
      const { ok, json } = await askServer(`/api/round/${id}`, this.data.token);
      if (ok && json.id === id && this.round.id === id) this.learn(json);
    } catch {
      // The board stays as it is; a second ranking would be told that the first one stands.
    }
  }

  /* Tell Python, and repeat it until Python's own data show it: a message sent while the
     connection is down is dropped, and one sent while mounting may be. */
  tell(kind) {
    const event = { kind, round: this.round.id, revision: this.round.ranking?.revision ?? null };
    const known = () => {
      const { round } = this.data;
      if (round.id !== event.round) return true;
      if (kind === "saved") return (round.ranking?.revision ?? 0) >= (event.revision ?? 1);
      return round.state !== "generating";
    };
    const remind = () => (known() ? clearInterval(this.reminder) : this.trigger("event", event));
    clearInterval(this.reminder);
    this.reminder = setInterval(remind, REMIND_MS);
    setTimeout(() => this.isOpen && remind());
  }

  // --- where the round stands --------------------------------------------------------------

  phase() {
    if (this.round.state === "ranking" || this.round.state === "ranked") {
      return this.editing || !this.standing() ? "ranking" : "ranked";
    }
    return this.round.state;
  }

  /* The ranking that counts now: the last one pressed, else the one that the server holds. */
  standing() {
    const queued = this.outbox.itemsOf(this.round.id).at(-1);
    return queued?.payload ?? this.round.ranking;
  }

  ids() {
    return this.round.candidates.map(({ id }) => id);
  }

  nameOf(id) {
    const index = this.ids().indexOf(id);
    return this.round.candidates[index].alt || `Image ${index + 1}`;
  }

  describe(id) {
    const rank = (this.preview ?? this.slots).indexOf(id) + 1;
    return `${this.nameOf(id)}, ${rank ? `rank ${rank} of ${this.slots.length}` : "not ranked"}`;
  }

  idOf(element) {
    return this.ids()[Number(element.closest("[data-index]").dataset.index)];
  }

  picture(id) {
    const { src } = this.round.candidates.find((candidate) => candidate.id === id);
    const image = new Image();
    Object.assign(image, { src, alt: this.nameOf(id), draggable: false });
    return image;
  }

  // --- drafts ------------------------------------------------------------------------------

  draftKey() {
    return `clpips:draft:${this.data.who}:${this.round.id}`;
  }

  saveDraft() {
    const { slots, startedAt, input, editing, sure } = this;
    shelf.write(this.draftKey(), { slots, startedAt, input, editing, sure });
  }

  startFrom(draft) {
    const ids = this.ids();
    if (draft && isBoardOf(draft.slots, ids)) {
      this.editing = Boolean(draft.editing && this.standing());
      this.begin(draft.slots, draft);
    } else this.begin(emptySlots(ids.length));
  }

  begin(slots, { startedAt = Date.now(), input = {}, sure = null } = {}) {
    Object.assign(this, { slots, startedAt, input: { ...input }, sure, history: [], held: null });
  }
}
