/* On pages without a board: send what an earlier board left behind, and tell Python how many
   rankings still wait, so that a page says "all saved" only when that is so. */

export default function ({ parentElement: root, data, setStateValue }) {
  const outbox = outboxOf(data.who);
  outbox.token = data.token;
  const note = root.querySelector(".unsent");

  // Python's own count comes back as data.pending. A report made while the link is down is lost,
  // so it is repeated until the two agree.
  const report = () => {
    const pending = outbox.items().length;
    note.textContent = pending && outbox.trouble ? outbox.late("A ranking is not saved yet") : (root.refused ?? "");
    note.hidden = !note.textContent;
    if (data.pending !== pending) setStateValue("pending", pending);
  };
  root.stopReporting?.();
  const listener = (item, answer) => {
    if (answer?.rejected) root.refused = refusal("A ranking was not accepted", answer);
    report();
  };
  outbox.listeners.add(listener);
  const first = setTimeout(report, 150); // a value set while mounting may be lost
  const again = setInterval(report, 2_000);
  const stop = () => {
    outbox.listeners.delete(listener);
    clearTimeout(first);
    clearInterval(again);
  };
  root.stopReporting = stop;
  outbox.flush();
  return stop;
}
