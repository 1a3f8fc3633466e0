/* Words typed into the description but not sent: kept in this browser, put back after a reload. */

const FIELD = 'textarea[aria-label="Your description"]';
const LOOK_MS = 100; // the field may be drawn after this, and drawn anew

/* React keeps a field's text to itself: the native setter with an event is a keystroke to it. */
function type(field, text) {
  Object.getOwnPropertyDescriptor(HTMLTextAreaElement.prototype, "value").set.call(field, text);
  field.dispatchEvent(new Event("input", { bubbles: true }));
}

export default function ({ data }) {
  const key = `clpips:words:${data.who}`;
  const kept = shelf.read(key);
  if (kept && kept.round !== data.round) shelf.remove(key); // sent long since
  let text = kept?.round === data.round && typeof kept.text === "string" ? kept.text : null;
  let field = null;
  const keep = (event) => {
    if (!event.isTrusted) return; // our own
    text = null; // the person goes on writing: nothing more to put back
    shelf.write(key, { round: data.round, text: field.value });
  };
  const look = () => {
    const found = document.querySelector(FIELD);
    if (found && found !== field) {
      field?.removeEventListener("input", keep);
      field = found;
      field.addEventListener("input", keep);
    }
    // Again and again: a page that is still being drawn may empty the field once more.
    if (field && text !== null && field.value !== text) type(field, text);
  };
  look();
  const looking = setInterval(look, LOOK_MS);
  return () => {
    clearInterval(looking);
    field?.removeEventListener("input", keep);
  };
}
