/* The order as the person builds it: k slots, nearest first, each holding a candidate's id or null.
   Pure functions: each takes slots and returns new ones. */

const emptySlots = (k) => Array(k).fill(null);
const isFull = (slots) => !slots.includes(null);
const sameOrder = (a, b) => a.length === b.length && a.every((id, index) => id === b[index]);

/* Put `id` at `index`. Whoever stands there moves over, and so do the next ones up to a gap: like
   pushing a book into a shelf. */
function placeAt(slots, id, index) {
  const next = slots.slice();
  const from = next.indexOf(id);
  if (from >= 0) next[from] = null;
  next.splice(gapFor(next, index, from), 1);
  next.splice(index, 0, id);
  return next;
}

function gapFor(slots, index, from) {
  if (slots[index] === null) return index;
  // A move within the strip closes the hole that it leaves; a new image pushes the others farther.
  const toTheRight = slots.indexOf(null, index);
  const toTheLeft = slots.lastIndexOf(null, index);
  const preferLeft = from >= 0 && from < index;
  if (preferLeft || toTheRight < 0) return toTheLeft;
  return toTheRight;
}

function takeBack(slots, id) {
  return slots.map((held) => (held === id ? null : held));
}

/* With one image left there is nothing to decide. */
function placeLast(slots, ids) {
  const left = ids.filter((id) => !slots.includes(id));
  if (left.length !== 1) return slots;
  return slots.map((held) => held ?? left[0]);
}

/* A stored draft is used only if it can be one of these images' boards. */
function isBoardOf(slots, ids) {
  if (!Array.isArray(slots) || slots.length !== ids.length) return false;
  const placed = slots.filter((id) => id !== null);
  return placed.every((id) => ids.includes(id)) && new Set(placed).size === placed.length;
}
