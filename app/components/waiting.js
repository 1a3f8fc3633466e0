/* While the images are being generated: ask the server how far it is, and let the person cancel. */

const POLL_MS = 400;
const POLL_PER_PERSON_AHEAD_MS = 200; // a long queue is asked less often: nothing is missed
const POLL_AT_MOST_MS = 2000;

/* Poll until `wanted()` says no. A failed question is asked again, less and less often:
   generation goes on at the server whether or not this page can see it. */
async function watchRound(id, board, wanted) {
  for (let wait = POLL_MS; wanted(); ) {
    try {
      const { ok, json } = await askServer(`/api/round/${id}`, board.data.token);
      if (!ok || json.id !== id) throw new Error("not this round");
      const ahead = json.waiting_ahead ?? 0;
      wait = Math.min(POLL_MS + ahead * POLL_PER_PERSON_AHEAD_MS, POLL_AT_MOST_MS);
      if (!wanted()) return;
      board.say("");
      board.learn(json);
    } catch {
      wait = Math.min(wait * 2, LAST_RETRY_MS);
      if (!wanted()) return;
      board.say("The connection is down for the moment. Your images are still being generated.");
    }
    await sleep(wait);
  }
}

async function cancelRound(id, board) {
  const { cancel } = board.parts;
  cancel.disabled = true;
  cancel.textContent = "Cancelling…";
  try {
    const { ok, json } = await askServer(`/api/round/${id}/cancel`, board.data.token, {
      method: "POST",
    });
    if (!ok) throw new Error("not cancelled");
    if (board.round.id === id) board.learn(json);
  } catch {
    if (board.round.id === id) board.say("Could not cancel just now. Please try again.");
    cancel.disabled = false;
    cancel.textContent = "Cancel";
  }
}

function paintMaking(board) {
  const { making, message, bar, skeletons, cancel } = board.parts;
  if (making.hidden) return;
  const { round, data } = board;
  cancel.hidden = round.can_cancel === false;
  const percent = Math.round(100 * Math.min(1, Math.max(0, round.progress ?? 0)));
  const ahead = round.waiting_ahead ?? 0;
  const people = ahead === 1 ? "1 person" : `${ahead} people`;
  const words = round.message || (ahead ? `Waiting: ${people} ahead of you` : "Starting…");
  if (message.textContent !== words) message.textContent = words; // spoken once, not each poll
  bar.setAttribute("aria-valuenow", percent);
  bar.firstElementChild.style.width = `${percent}%`;
  const count = Math.max(data.expected, round.candidates?.length ?? 0);
  while (skeletons.children.length < count) skeletons.append(document.createElement("li"));
  while (skeletons.children.length > count) skeletons.lastElementChild.remove();
  paintPreview(skeletons, round);
}

/* The image that is being made shows in its place; those before it keep their last look. */
function paintPreview(skeletons, round) {
  const places = [...skeletons.children];
  if (skeletons.dataset.round !== String(round.id)) {
    for (const place of places) place.style.backgroundImage = "";
    skeletons.dataset.round = round.id;
  }
  if (!round.preview) return;
  const at = Math.min(Math.floor((round.progress ?? 0) * places.length), places.length - 1);
  places[at].style.backgroundImage = `url("${round.preview}")`;
}
