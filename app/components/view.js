/* Drawing the board: the DOM is built once per round and then only brought up to date, so that
   Streamlit may call the component as often as it likes without an image blinking. */

const GLIDE_MS = 170;

function make(tag, className, attributes = {}, children = []) {
  const element = document.createElement(tag);
  element.className = className;
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

/* Text that changes only when it must: a live region would otherwise be read out again. */
function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

function buildTray(board) {
  const tiles = board.round.candidates.map((candidate, index) => {
    const name = board.nameOf(candidate.id);
    const zoom = make("button", "zoom", { type: "button", "aria-label": `Look closely at ${name}` });
    const pick = make("button", "pick", { type: "button" }, [board.picture(candidate.id)]);
    const badge = make("span", "badge", { "aria-hidden": "true" });
    const grip = make("span", "grip", { "aria-hidden": "true" });
    return make("li", "tile", { "data-index": index }, [pick, badge, zoom, grip]);
  });
  board.parts.tray.replaceChildren(...tiles);
}

function buildStrip(board) {
  const k = board.round.candidates.length;
  const slots = board.round.candidates.map((_, index) => {
    const word = { 0: "nearest", [k - 1]: "farthest" }[index] ?? "";
    const head = make("div", "slot-head", { "aria-hidden": "true" }, [
      make("b", "", {}, [`${index + 1}`]),
      make("span", "", {}, [word]),
    ]);
    const hole = make("button", "hole", { type: "button", "aria-label": `Rank ${index + 1}, empty` });
    const nudges = [-1, 1].map((step) =>
      make("button", "nudge", { type: "button", "data-step": step }),
    );
    return make("li", "slot", { "data-slot": index }, [
      head,
      make("div", "well", {}, [hole]),
      make("div", "nudges", {}, nudges),
    ]);
  });
  board.parts.strip.replaceChildren(...slots);
  board.thumbs = new Map(
    board.round.candidates.map(({ id }, index) => [
      id,
      make("button", "thumb", { type: "button", "data-index": index }, [board.picture(id)]),
    ]),
  );
}

/* How many columns look best: few images large, many images still on one screen. */
function setColumns(board) {
  const k = board.round.candidates.length;
  const style = board.parts.frame.style;
  style.setProperty("--k", k);
  style.setProperty("--tray-columns", { 6: 3, 7: 4, 8: 4, 9: 5 }[k] ?? k);
  style.setProperty("--tray-columns-narrow", k <= 4 ? 2 : 3);
  style.setProperty("--strip-columns-narrow", k <= 6 ? k : Math.ceil(k / 2));
  Object.assign(board.parts.frame.dataset, { few: k <= 3, tight: k === 6 });
  write(board.parts.lastKey, `${k}`);
}

function paintTray(board, slots) {
  [...board.parts.tray.children].forEach((tile, index) => {
    const id = board.ids()[index];
    const rank = slots.indexOf(id) + 1;
    const pick = tile.querySelector(".pick");
    pick.setAttribute("aria-pressed", rank > 0);
    pick.setAttribute("aria-label", board.describe(id));
    write(tile.querySelector(".badge"), rank ? `${rank}` : "");
    tile.classList.toggle("ranked", rank > 0);
    tile.classList.toggle("lifted", board.lifted === id);
    tile.classList.toggle("loading", !board.loaded.has(id));
  });
}

function paintStrip(board, slots) {
  const before = whereThumbsAre(board);
  const focused = board.root.activeElement;
  [...board.parts.strip.children].forEach((slot, index) => {
    const id = slots[index];
    const well = slot.querySelector(".well");
    const hole = well.querySelector(".hole");
    const thumb = id === null ? null : board.thumbs.get(id);
    for (const other of well.querySelectorAll(".thumb")) if (other !== thumb) other.remove();
    hole.hidden = thumb !== null;
    hole.disabled = board.held === null; // an empty place can be pressed only to put something in it
    if (thumb && thumb.parentElement !== well) well.append(thumb);
    slot.classList.toggle("filled", thumb !== null);
    paintNudges(board, slot, slots, index);
  });
  for (const [id, thumb] of board.thumbs) paintThumb(board, id, thumb);
  if (focused?.matches(".thumb") && focused.isConnected) focused.focus({ preventScroll: true });
  glide(board, before);
}

function paintThumb(board, id, thumb) {
  const held = board.held === id;
  thumb.classList.toggle("held", held);
  thumb.classList.toggle("lifted", board.lifted === id);
  thumb.setAttribute("aria-label", board.describe(id) + (held ? ", picked up" : ""));
  thumb.setAttribute("aria-pressed", held);
}

function paintNudges(board, slot, slots, index) {
  const id = slots[index];
  for (const nudge of slot.querySelectorAll(".nudge")) {
    const step = Number(nudge.dataset.step);
    const to = index + step;
    nudge.disabled = id === null || to < 0 || to >= slots.length;
    const name = id === null ? `rank ${index + 1}` : board.nameOf(id);
    nudge.setAttribute("aria-label", `Move ${name} ${step < 0 ? "nearer" : "farther"}`);
  }
}

function paintFoot(board) {
  const { submit, missing, undo, restart, keep } = board.parts;
  submit.disabled = !board.canSubmit();
  write(submit, board.editing ? "Submit the change" : "Submit ranking");
  write(missing, board.missing());
  paintSure(board);
  undo.disabled = board.history.length === 0;
  restart.disabled = board.slots.every((id) => id === null);
  keep.hidden = !board.editing;
}

/* Its room is kept from the beginning: a button that moves away is pressed by mistake. */
function paintSure(board) {
  const { sure } = board.parts;
  sure.hidden = !board.data.ask_confidence;
  sure.disabled = !isFull(board.slots);
  sure.classList.toggle("early", sure.disabled);
  for (const choice of sure.querySelectorAll("input")) {
    choice.checked = board.sure === Number(choice.value);
  }
}

function paintRanked(board) {
  const { ranked, verdict, order, change } = board.parts;
  const standing = board.standing();
  if (ranked.hidden || !standing) return;
  const waiting = board.outbox.itemsOf(board.round.id).length > 0;
  const late = waiting && board.outbox.trouble;
  ranked.dataset.status = late ? "late" : waiting ? "saving" : "saved";
  write(verdict, late ? board.outbox.late() : waiting ? "Saving…" : "Saved");
  change.hidden = !board.data.can_edit;
  change.disabled = performance.now() < board.openAt;
  const drawn = `${board.round.id}:${standing.order.join()}`;
  if (order.dataset.drawn === drawn) return;
  order.dataset.drawn = drawn;
  order.replaceChildren(
    ...standing.order.map((id, index) => {
      const rank = standing.ranks?.[index] ?? index + 1;
      return make("li", "", {}, [make("b", "", {}, [`${rank}`]), board.picture(id)]);
    }),
  );
}

/* Small movements show where an image went: the thumbnail starts where it was and slides home. */
function whereThumbsAre(board) {
  const places = new Map();
  for (const [id, thumb] of board.thumbs) {
    const tile = board.parts.tray.children[board.ids().indexOf(id)];
    const shown = thumb.isConnected ? thumb : tile?.querySelector(".pick");
    if (shown) places.set(id, shown.getBoundingClientRect());
  }
  if (board.droppedFrom) places.set(board.droppedFrom.id, board.droppedFrom.box);
  board.droppedFrom = null;
  return places;
}

function glide(board, before) {
  if (matchMedia("(prefers-reduced-motion: reduce)").matches) return;
  for (const [id, thumb] of board.thumbs) {
    if (!thumb.isConnected || board.lifted === id) continue;
    const was = before.get(id);
    const is = thumb.getBoundingClientRect();
    if (!was?.width || !is.width) continue;
    const [x, y] = [was.left - is.left, was.top - is.top];
    if (Math.hypot(x, y) < 2) continue;
    const start = `translate(${x}px, ${y}px) scale(${was.width / is.width})`;
    const shared = { transformOrigin: "0 0", zIndex: 3 };
    const frames = [
      { transform: start, ...shared },
      { transform: "none", ...shared },
    ];
    thumb.animate(frames, { duration: GLIDE_MS, easing: "cubic-bezier(.2,.8,.3,1)" });
  }
}
