/* A closer look: the target and one candidate side by side, large, in a dialog. The arrows flip
   through the candidates in shown order; the number keys rank the one in view. */

function makeLook(board) {
  const { look } = board.parts;
  const find = (name) => look.querySelector(name);
  let shown = 0;

  function show(index) {
    const { candidates } = board.round;
    shown = (index + candidates.length) % candidates.length;
    const { id, src } = candidates[shown];
    find(".look-image").src = src;
    find(".look-image").alt = board.nameOf(id);
    find(".look-name").textContent = board.describe(id);
  }

  board.openLook = (id) => {
    find(".look-target").src = board.data.target;
    find(".look-target-side").hidden = !board.data.target;
    show(board.ids().indexOf(id));
    look.showModal();
    find(".look-next").focus();
  };

  look.onclick = (event) => {
    if (event.target.closest(".look-next")) show(shown + 1);
    else if (event.target.closest(".look-previous")) show(shown - 1);
    else if (event.target === look || event.target.closest(".look-close")) look.close();
  };

  look.onkeydown = (event) => {
    event.stopPropagation(); // the board behind must not act on the same key
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    const rank = board.rankKey(event);
    if (step) show(shown + step);
    else if (rank && board.canArrange()) {
      board.place(board.ids()[shown], rank - 1, { by: "keys" });
      show(shown);
    } else return;
    event.preventDefault();
  };

  look.onclose = () => board.focusTray(board.ids()[shown]);
}
