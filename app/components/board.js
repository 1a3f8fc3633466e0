/* The ranking board: one component for the whole life of a round.

   generating → ranking → ranked (→ ranking again, to change it), or failed, or cancelled.
   The order lives here and travels through the outbox; Python hears of milestones only, because
   every message to it runs the whole page again. */

const SEEN_MS = 800; // a slow second click on "Submit" is over before the next board accepts one
const CALM_MS = 500; // and so is a quick one before "Change this ranking" does
const ENDINGS = {
  failed: "The images could not be generated.",
  cancelled: "Cancelled. No images were generated.",
};

class Board extends RoundFollower {
  constructor(root) {
    super();
    this.root = root;
    this.parts = {};
    for (const element of root.querySelectorAll("[data-part]")) {
      this.parts[element.dataset.part] = element;
    }
    this.round = null;
    this.isOpen = false;
    this.pressed = (event) => pressKey(this, event);
    this.heard = (item, answer) => this.hear(item, answer);
    makeDraggable(this);
    makeLook(this);
    bindClicks(this);
    bindAim(this);
  }

  // --- arranging ---------------------------------------------------------------------------

  canArrange() {
    return this.isOpen && this.phase() === "ranking";
  }

  place(id, index, { by, from }) {
    if (!this.canArrange()) return;
    this.putDown();
    const fresh = !this.slots.includes(id);
    const next = placeAt(this.slots, id, index);
    if (from) this.droppedFrom = { id, box: from };
    // Only a new image can leave one over; after a take-back the person is thinking again.
    const filled = fresh ? placeLast(next, this.ids()) : next;
    this.change(filled, by);
    // Whoever taps all k in a row taps this one too: that agrees, it does not take the rank back.
    this.unasked = sameOrder(filled, next) ? null : filled.find((one) => !next.includes(one));
    this.announce(this.describe(id) + (isFull(this.slots) ? ". All placed." : ""));
  }

  unplace(id, { by }) {
    if (!this.canArrange()) return;
    this.putDown();
    this.change(takeBack(this.slots, id), by);
    this.announce(this.describe(id));
  }

  toggle(id, by) {
    if (id === this.unasked) this.unasked = null;
    else if (this.slots.includes(id)) this.unplace(id, { by });
    else this.place(id, this.slots.indexOf(null), { by });
  }

  change(slots, by) {
    this.unasked = null;
    if (!sameOrder(slots, this.slots)) {
      this.history.push(this.slots);
      this.slots = slots;
      this.input[by] = (this.input[by] ?? 0) + 1;
      this.saveDraft();
    }
    this.paint();
  }

  undo() {
    this.held = null;
    if (!this.canArrange() || !this.history.length) return false;
    this.slots = this.history.pop();
    this.input.undos = (this.input.undos ?? 0) + 1;
    this.saveDraft();
    this.announce("Last change undone");
    this.paint();
    return true;
  }

  restart() {
    this.putDown();
    this.sure = null; // of the order that is gone
    this.change(emptySlots(this.slots.length), "restarts");
    this.announce("All ranks cleared");
    this.focusTray(this.ids()[0]);
  }

  // Picking up: press a ranked thumbnail, then an arrow key or another place, then press again.

  pickUp(id) {
    this.held = id;
    this.heldFrom = this.slots;
    this.announce(`${this.describe(id)}, picked up. Move it with the arrow keys, or choose a place.`);
    this.paint();
  }

  carry(step) {
    const index = this.slots.indexOf(this.held) + step;
    if (index >= 0 && index < this.slots.length) {
      this.slots = placeAt(this.slots, this.held, index);
      this.announce(this.describe(this.held));
      this.paint();
    }
    return true;
  }

  putDown() {
    if (this.held === null) return;
    const { slots, held, heldFrom } = this;
    Object.assign(this, { held: null, slots: heldFrom });
    this.change(slots, "keys");
    this.announce(`${this.describe(held)}, dropped`);
  }

  cancelHold() {
    if (this.held === null) return false;
    Object.assign(this, { held: null, slots: this.heldFrom });
    this.announce("Move cancelled");
    this.paint();
    return true;
  }

  // --- submitting --------------------------------------------------------------------------

  canSubmit() {
    const seen = this.loaded.size === this.slots.length && performance.now() >= this.openAt;
    return this.canArrange() && seen && isFull(this.slots) && !this.isUnchanged();
  }

  isUnchanged() {
    const standing = this.standing();
    const sameSure = this.sure === (standing?.confidence ?? null);
    return this.editing && sameSure && sameOrder(this.slots, standing?.order ?? []);
  }

  /* How sure, 0 to 1; pressing the same answer again takes it back. */
  tellSure(value) {
    if (!this.canArrange()) return;
    this.sure = this.sure === value ? null : value;
    this.saveDraft();
    this.paint();
  }

  missing() {
    const left = this.slots.filter((id) => id === null).length;
    if (this.loaded.size < this.slots.length) return "The images are still loading";
    if (left) return left === this.slots.length ? "Nothing placed yet" : `${left} more to place`;
    return this.isUnchanged() ? "Nothing changed yet" : "All placed";
  }

  submit() {
    this.putDown();
    if (!this.canSubmit()) return false;
    const order = [...this.slots];
    const replaces = this.standing()?.uuid ?? null;
    this.editing = false; // from here on the button is gone: a second click finds nothing to press
    this.saveDraft();
    this.say("");
    this.outbox.add({
      uuid: newUuid(),
      round: this.round.id,
      order,
      ranks: order.map((_, index) => index + 1),
      shown: this.ids(),
      replaces,
      elapsed_ms: Math.max(0, Date.now() - this.startedAt),
      input: this.input,
      confidence: this.sure,
    });
    this.paint();
    return true;
  }

  edit() {
    if (performance.now() < this.openAt || !this.data.can_edit) return;
    this.editing = true;
    this.begin([...this.standing().order], { sure: this.standing().confidence ?? null });
    this.say("");
    this.paint();
  }

  keep() {
    Object.assign(this, { editing: false, held: null });
    shelf.remove(this.draftKey());
    this.paint();
  }

  // --- showing -----------------------------------------------------------------------------

  paint() {
    const phase = this.phase();
    if (phase !== this.shownPhase) this.enter(phase);
    paintMaking(this);
    paintRanked(this);
    if (phase === "ranking") {
      const slots = this.preview ?? this.slots;
      paintTray(this, slots);
      paintStrip(this, slots);
      paintFoot(this);
    }
  }

  enter(phase) {
    const { frame, making, ranking, ranked, ended, pinned, verdict } = this.parts;
    const focusIsFree = this.root.activeElement !== null || document.activeElement === document.body;
    this.shownPhase = phase;
    frame.dataset.phase = phase;
    making.hidden = phase !== "generating";
    ranking.hidden = phase !== "ranking";
    ranked.hidden = phase !== "ranked";
    ended.hidden = !(phase in ENDINGS);
    pinned.hidden = phase !== "ranking" || !this.data.show_target || !this.data.target;
    if (phase === "generating") this.watch();
    if (phase === "ranking") this.enterRanking(focusIsFree);
    if (phase === "ranked") {
      this.openIn(CALM_MS);
      if (focusIsFree) verdict.focus({ preventScroll: true });
    }
    write(ended, this.round.message || ENDINGS[phase] || "");
  }

  watch() {
    const mine = (this.watching = {});
    const { id } = this.round;
    const wanted = () => this.watching === mine && this.round.id === id && this.phase() === "generating";
    watchRound(id, this, wanted);
  }

  enterRanking(focusIsFree) {
    if (this.data.target) this.parts.pinnedImage.src = this.data.target;
    if (this.built !== this.round.id) {
      this.built = this.round.id;
      setColumns(this);
      buildTray(this);
      buildStrip(this);
      this.openAt = Infinity;
      this.load();
    } else this.openIn(this.editing ? 0 : SEEN_MS);
    // Ready for the number keys at once; on a bare touch screen a focus ring would mean nothing.
    if (focusIsFree && matchMedia("(hover: hover)").matches) this.focusTray(this.ids()[0]);
  }

  /* A board with an image missing is not the board that the person would be ranking. */
  async load() {
    const { id } = this.round;
    const images = [...this.parts.tray.querySelectorAll(".pick img")];
    const arrive = async (image, index) => {
      await decoded(image, () => this.round.id === id);
      if (this.round.id !== id) return;
      this.loaded.add(this.ids()[index]);
      this.paint();
    };
    await Promise.all(images.map(arrive));
    if (this.round.id === id) this.openIn(SEEN_MS);
  }

  openIn(ms) {
    this.openAt = performance.now() + ms;
    setTimeout(() => this.isOpen && this.paint(), ms + 10);
  }

  say(text) {
    write(this.parts.notice, text);
    this.parts.notice.hidden = !text;
  }

  announce(text) {
    this.parts.live.textContent = text;
  }

  focusTray(id) {
    const tile = this.parts.tray.children[this.ids().indexOf(id)];
    tile?.querySelector(".pick").focus({ preventScroll: true });
  }

  /* After a number key: on to the next unranked image. When the last one was placed by itself, on to
     the button, or to that image while the button waits: a fourth digit then changes nothing. */
  focusNext(id) {
    const ids = this.ids();
    const at = ids.indexOf(id);
    const before = this.history.at(-1) ?? [];
    const next = [...ids.slice(at + 1), ...ids.slice(0, at)].find((one) => !this.slots.includes(one));
    const last = ids.find((one) => one !== id && !before.includes(one));
    if (next !== undefined) this.focusTray(next);
    else if (last === undefined) this.focusTray(id);
    else if (this.parts.submit.disabled) this.focusTray(last);
    else this.parts.submit.focus({ preventScroll: true });
  }
}

async function decoded(image, wanted) {
  const { src } = image;
  for (let tries = 1; wanted(); tries += 1) {
    try {
      return await image.decode();
    } catch {
      await sleep(backoff(tries));
      image.src = "";
      image.src = src;
    }
  }
}

const boards = new WeakMap();

/* Streamlit calls this on mounting and again whenever its data or the theme change. */
export default function ({ parentElement: root, data, setTriggerValue }) {
  let board = boards.get(root);
  if (!board?.parts.frame.isConnected) {
    board?.close();
    boards.set(root, (board = new Board(root)));
  }
  board.update(data, setTriggerValue);
  const call = (board.calls = (board.calls ?? 0) + 1);
  // Streamlit may clean up after an outdated call when a newer one is already at work.
  return () => board.calls === call && board.close();
}
