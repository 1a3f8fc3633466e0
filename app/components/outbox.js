/* The outbox: rankings that were submitted but that the server has not yet confirmed.

   A Streamlit message is dropped without a word when the link is down, so a ranking goes by HTTP,
   from a queue in localStorage that outlives a reload, a closed tab and a restarted server. An item
   leaves the queue for two reasons only: the server's JSON says what became of it, or the server's
   JSON refuses it. Any other answer (a proxy's 404 page, a 500, silence) is tried again for ever. */

const TIMEOUT_MS = 10_000;
const FIRST_RETRY_MS = 300;
const LAST_RETRY_MS = 5_000;
const TAKE_OVER_MS = 3_000;
const LONGEST_RETRY_MS = 60_000; // whatever Retry-After says
const REPLACED_RETRY_MS = 30_000; // only the newest link, opened in this browser, can send it
const REPLACED =
  "This link was replaced by a newer one. Open the newest link in this browser; your ranking is kept here.";

const sleep = (ms) => new Promise((wake) => setTimeout(wake, ms));
const backoff = (tries) =>
  Math.min(LAST_RETRY_MS, FIRST_RETRY_MS * 2 ** (tries - 1)) * (0.75 + Math.random() / 2);

/* localStorage throws in some private windows and when full: memory then serves this one tab. */
const memory = new Map();
const shelf = {
  read(key) {
    try {
      return JSON.parse(localStorage.getItem(key) ?? memory.get(key) ?? "null");
    } catch {
      return JSON.parse(memory.get(key) ?? "null");
    }
  },
  write(key, value) {
    const text = JSON.stringify(value);
    try {
      localStorage.setItem(key, text);
      memory.delete(key);
    } catch {
      memory.set(key, text);
    }
  },
  remove(key) {
    memory.delete(key);
    try {
      localStorage.removeItem(key);
    } catch {
      // Nothing was stored there either.
    }
  },
};

/* crypto.randomUUID exists only over https or on localhost; a laboratory's LAN may be neither. */
function newUuid() {
  if (crypto.randomUUID) return crypto.randomUUID();
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}

/* Our own JSON or an error: what a proxy or a captive portal says is no answer. */
async function askServer(path, token, { method = "GET", body } = {}) {
  const patience = new AbortController();
  const timer = setTimeout(() => patience.abort(), TIMEOUT_MS);
  try {
    const response = await fetch(path, {
      method,
      headers: { "content-type": "application/json", authorization: `Bearer ${token}` },
      body: body === undefined ? undefined : JSON.stringify(body),
      cache: "no-store",
      keepalive: method === "POST",
      signal: patience.signal,
    });
    const json = await response.json();
    if (json === null || typeof json !== "object") throw new Error("the answer is not an object");
    const after = 1000 * Number(response.headers.get("retry-after") ?? 0) || 0;
    return { ok: response.ok, status: response.status, json, after: Math.min(after, LONGEST_RETRY_MS) };
  } finally {
    clearTimeout(timer);
  }
}

class Outbox {
  constructor(who) {
    this.key = `clpips:outbox:${who}`;
    this.token = null;
    this.trouble = false; // the last attempt failed
    this.replaced = false; // because the server no longer knows this link
    this.reason = ""; // the server's own words for it, as with a full disk
    this.after = 0; // the server asked to be left alone for so many milliseconds
    this.mine = new Map(); // what this tab queued: survives another tab overwriting the list
    this.settled = new Set(); // uuids that must not come back, should another tab write an old list
    this.listeners = new Set();
    this.running = false;
    this.wake = () => {};
    this.listenToPage();
  }

  listenToPage() {
    const retry = () => this.flush();
    window.addEventListener("online", retry);
    window.addEventListener("pageshow", retry);
    document.addEventListener("visibilitychange", () => document.hidden || retry());
    window.addEventListener("storage", (event) => {
      if (event.key !== this.key) return;
      this.announce();
      setTimeout(retry, TAKE_OVER_MS); // the tab that queued it may be closed by then
    });
    window.addEventListener("beforeunload", (event) => {
      if (!this.items().length) return;
      event.preventDefault();
      event.returnValue = "";
    });
  }

  /* Oldest first: edits of one ranking build on each other and must arrive in order. */
  items() {
    const stored = shelf.read(this.key);
    const all = new Map(this.mine);
    for (const item of Array.isArray(stored) ? stored : []) if (item?.payload) all.set(item.uuid, item);
    for (const uuid of this.settled) all.delete(uuid);
    return [...all.values()].sort((a, b) => a.at - b.at);
  }

  itemsOf(round) {
    return this.items().filter((item) => item.round === round);
  }

  add(payload) {
    const newest = this.items().at(-1)?.at ?? 0;
    const at = Math.max(Date.now(), newest + 1); // two presses in one millisecond keep their order
    const item = { uuid: payload.uuid, round: payload.round, payload, at };
    this.mine.set(item.uuid, item);
    shelf.write(this.key, this.items());
    this.flush();
  }

  /* Many callers, one loop: a second call only cuts the current wait short. */
  async flush() {
    this.wake();
    if (this.running || !this.token) return;
    this.running = true;
    for (let tries = 0; this.items().length; ) {
      tries = (await this.pass()) ? 1 : tries + 1;
      if (!this.items().length) break;
      const pause = this.replaced ? REPLACED_RETRY_MS : Math.max(this.after, backoff(tries));
      await Promise.race([sleep(pause), new Promise((wake) => (this.wake = wake))]);
    }
    this.running = false;
    this.announce();
  }

  /* Send what can be sent. One stuck ranking holds up its own edits, not another round's. */
  async pass() {
    const stuck = new Set();
    let progress = false;
    for (;;) {
      const item = this.items().find(({ round }) => !stuck.has(round));
      if (!item) return progress;
      const answer = await this.alone(() => this.send(item));
      if (answer) {
        progress = true;
        this.trouble = stuck.size > 0;
        this.settle(item, answer);
      } else {
        stuck.add(item.round);
        this.trouble = true;
        this.announce();
      }
    }
  }

  /* Two tabs sending the same item is harmless, only wasteful; so a lock held by a sleeping tab
     delays this one for a moment and no longer. */
  async alone(work) {
    if (!navigator.locks || !AbortSignal.timeout) return work();
    try {
      const signal = AbortSignal.timeout(2_000);
      return await navigator.locks.request(this.key, { signal }, work);
    } catch {
      return work();
    }
  }

  /* The server's word on an item, or null when it has not spoken. */
  async send(item) {
    try {
      const { ok, status, json, after } = await askServer("/api/submit", this.token, {
        method: "POST",
        body: item.payload,
      });
      this.replaced = status === 401 && typeof json.error === "string";
      if (ok && ["saved", "duplicate", "conflict"].includes(json.outcome)) return json;
      this.reason = status === 503 && typeof json.error === "string" ? json.error : "";
      this.after = after * (1 + Math.random() / 2); // not everybody at the same moment
      return json.rejected === true ? json : null;
    } catch {
      this.reason = "";
      this.after = 0;
      return null;
    }
  }

  settle(item, answer) {
    this.settled.add(item.uuid);
    this.mine.delete(item.uuid);
    const left = this.items();
    if (left.length) shelf.write(this.key, left);
    else shelf.remove(this.key);
    this.announce(item, answer);
  }

  /* Why a ranking is still here, for the person who waits. */
  late(what = "Not saved yet") {
    if (this.replaced) return REPLACED;
    return `${what} – keep this page open; retrying… ${this.reason}`.trim();
  }

  announce(item = null, answer = null) {
    for (const listener of [...this.listeners]) listener(item, answer);
  }
}

const refusal = (what, { error }) =>
  `${what}: ${(error ?? "no reason given").replace(/[.\s]+$/, "")}.`;

/* One outbox per participant and page, whichever component asks: a board that Streamlit has taken
   away must not take its unsent ranking with it. */
function outboxOf(who) {
  const outboxes = (globalThis[Symbol.for("clpips.outboxes")] ??= new Map());
  if (!outboxes.has(who)) outboxes.set(who, new Outbox(who));
  return outboxes.get(who);
}
