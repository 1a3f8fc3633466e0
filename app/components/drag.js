/* Dragging with mouse, pen or finger: Pointer Events only, since HTML drag and drop knows no touch.

   A finger on a large image must still scroll the page, so a touch starts a drag only on what has
   `touch-action: none`: the grip of a tray image, and the thumbnails in the strip. */

const DRAG_AFTER_PX = 6;

function makeDraggable(board) {
  const { ranking } = board.parts;
  let drag = null;

  ranking.onpointerdown = (event) => {
    board.justDragged = false;
    const source = event.target.closest(".pick, .grip, .thumb");
    const id = source && board.idOf(source);
    if (!id || event.button !== 0 || !event.isPrimary) return;
    if (event.pointerType === "touch" && source.matches(".pick")) return;
    drag = { id, source, pointer: event.pointerId, x: event.clientX, y: event.clientY, on: false };
  };

  ranking.onpointermove = (event) => {
    if (drag?.pointer !== event.pointerId) return;
    if (!drag.on) {
      const far = Math.hypot(event.clientX - drag.x, event.clientY - drag.y) >= DRAG_AFTER_PX;
      if (!far) return;
      lift(drag);
    }
    follow(event);
  };

  ranking.onpointerup = (event) => {
    if (drag?.pointer !== event.pointerId) return;
    const done = drag;
    drag = null;
    if (!done.on) return;
    const from = board.parts.ghost.getBoundingClientRect();
    settle(event);
    drop(done, event, from);
  };

  const abandon = () => {
    if (!drag) return;
    const lifted = drag.on;
    drag = null;
    if (lifted) settle();
    board.preview = null;
    board.paint();
  };
  ranking.onpointercancel = abandon;
  board.abandonDrag = () => {
    const lifted = Boolean(drag?.on);
    abandon();
    return lifted;
  };

  function lift({ id, source, pointer }) {
    drag.on = true;
    board.justDragged = true; // the click that ends a drag must not also rank the image
    ranking.setPointerCapture(pointer);
    board.putDown();
    const { ghost } = board.parts;
    const tile = source.closest(".tile, .well").getBoundingClientRect();
    drag.size = Math.min(tile.width, 150);
    ghost.replaceChildren(board.picture(id));
    ghost.style.width = ghost.style.height = `${drag.size}px`;
    ghost.hidden = false;
    ghost.showPopover?.(); // the top layer: no ancestor can clip it or shift its origin
    ranking.classList.add("dragging");
  }

  function follow(event) {
    const { ghost } = board.parts;
    ghost.style.left = `${event.clientX - drag.size / 2}px`;
    ghost.style.top = `${event.clientY - drag.size / 2}px`;
    const index = slotAt(event);
    board.preview = index === null ? null : placeAt(board.slots, drag.id, index);
    board.lifted = drag.id;
    board.paint();
  }

  function settle() {
    const { ghost } = board.parts;
    ghost.hidePopover?.();
    ghost.hidden = true;
    board.lifted = null;
    ranking.classList.remove("dragging");
  }

  function drop({ id, source }, event, from) {
    board.preview = null;
    const index = slotAt(event);
    const backToTray = source.matches(".thumb") && within(board.parts.tray, event);
    if (index !== null) board.place(id, index, { by: "drags", from });
    else if (backToTray) board.unplace(id, { by: "drags", from });
    else board.paint();
  }

  function slotAt(event) {
    const index = [...board.parts.strip.children].findIndex((slot) => within(slot, event, 6));
    return index < 0 ? null : index;
  }
}

function within(element, { clientX, clientY }, margin = 0) {
  const box = element.getBoundingClientRect();
  const across = clientX >= box.left - margin && clientX <= box.right + margin;
  return across && clientY >= box.top - margin && clientY <= box.bottom + margin;
}
