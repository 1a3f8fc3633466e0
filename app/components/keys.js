/* Keys and clicks. Every step of ranking works without a pointer, and without dragging; number keys
   are for those who have both hands free. */

const ARROWS = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, -1],
  ArrowDown: [0, 1],
};

/* Keys count when the focus is on the board, or nowhere at all: then the image under the mouse is
   meant. They never count while somebody types elsewhere on the page. */
function pressKey(board, event) {
  const inside = event.composedPath().includes(board.root);
  const idle = document.activeElement === document.body;
  if (event.defaultPrevented || event.altKey || !(inside || idle)) return;
  if (!board.canArrange() || board.parts.look.open) return;
  if (act(board, event)) event.preventDefault();
}

function act(board, event) {
  const command = event.ctrlKey || event.metaKey;
  if (command && event.key === "Enter") return board.submit();
  if (event.key.toLowerCase() === "z" && !event.shiftKey) return board.undo();
  if (command) return false;
  if (event.key === "Escape") return board.abandonDrag() || board.cancelHold();
  if (ARROWS[event.key]) return arrow(board, ARROWS[event.key]);
  return board.aim === null ? false : actOnImage(board, event, board.aim);
}

function actOnImage(board, event, id) {
  const rank = board.rankKey(event);
  if (rank) {
    const inStrip = board.root.activeElement?.matches(".thumb");
    board.place(id, rank - 1, { by: "keys" });
    if (!inStrip) board.focusNext(id);
    return true;
  }
  if (event.key !== "Backspace" && event.key !== "Delete") return false;
  board.unplace(id, { by: "keys" });
  board.focusTray(id);
  return true;
}

function arrow(board, [across, down]) {
  const focused = board.root.activeElement;
  if (focused?.matches(".thumb, .hole")) return arrowInStrip(board, focused, across || down);
  if (!focused?.matches(".pick")) return false;
  const tiles = [...board.parts.tray.children];
  const columns = tiles.filter((tile) => tile.offsetTop === tiles[0].offsetTop).length;
  const to = tiles.indexOf(focused.parentElement) + across + down * columns;
  tiles[to]?.querySelector(".pick").focus();
  return true;
}

function arrowInStrip(board, focused, step) {
  if (board.held !== null) return board.carry(step);
  const thumbs = [...board.parts.strip.querySelectorAll(".thumb")];
  thumbs[thumbs.indexOf(focused) + step]?.focus();
  return true;
}

/* Digit by position, so that a French keyboard needs no Shift. */
function rankOf(event, k) {
  if (event.ctrlKey || event.metaKey || event.altKey) return 0;
  const digit = /^(?:Digit|Numpad)([1-9])$/.exec(event.code)?.[1] ?? event.key;
  const rank = /^[1-9]$/.test(digit) ? Number(digit) : 0;
  return rank <= k ? rank : 0;
}

function bindClicks(board) {
  const { ranking, submit, undo, restart, keep, change, cancel, sure } = board.parts;
  board.rankKey = (event) => rankOf(event, board.slots.length);
  submit.onclick = () => board.submit();
  undo.onclick = () => board.undo();
  restart.onclick = () => board.restart();
  keep.onclick = () => board.keep();
  change.onclick = () => board.edit();
  sure.onclick = ({ target }) => target.matches("input") && board.tellSure(Number(target.value));
  cancel.onclick = () => cancelRound(board.round.id, board);
  ranking.onclick = (event) => {
    if (board.justDragged) {
      board.justDragged = false;
      return;
    }
    const button = event.target.closest("button");
    if (button) clickOnBoard(board, button, howPressed(event));
  };
}

/* A click without a count was made by a key; a pointer click says what kind of pointer. */
function howPressed(event) {
  return event.detail === 0 ? "keys" : event.pointerType || "mouse";
}

function clickOnBoard(board, button, by) {
  if (button.matches(".pick")) {
    board.toggle(board.idOf(button), by);
  } else if (button.matches(".zoom")) {
    board.input.looks = (board.input.looks ?? 0) + 1;
    board.openLook(board.idOf(button));
  } else if (button.matches(".thumb, .hole")) {
    clickOnPlace(board, button, by);
  } else if (button.matches(".nudge")) {
    const index = Number(button.closest(".slot").dataset.slot);
    board.place(board.slots[index], index + Number(button.dataset.step), { by });
  }
}

/* With nothing in hand a thumbnail is picked up; with something in hand, its place is chosen. */
function clickOnPlace(board, button, by) {
  const { held } = board;
  const index = Number(button.closest(".slot").dataset.slot);
  if (held === null) board.pickUp(board.idOf(button));
  else if (board.slots[index] === held) board.putDown();
  else {
    board.place(held, index, { by });
    board.thumbs.get(held).focus({ preventScroll: true });
  }
}

/* The image that a number key means: the one last pointed at, by focus or by a moving mouse. A
   mouse at rest does not count, or the focus could not walk on beneath it. */
function bindAim(board) {
  const { ranking } = board.parts;
  const imageAt = (element) => {
    const image = element?.closest?.(".tile, .thumb");
    return image ? board.idOf(image) : null;
  };
  ranking.addEventListener("focusin", (event) => (board.aim = imageAt(event.target)));
  ranking.addEventListener("focusout", () => (board.aim = null));
  ranking.addEventListener("pointermove", (event) => {
    if (event.pointerType !== "touch") board.aim = imageAt(event.target) ?? imageAt(board.root.activeElement);
  });
}
