// Keeps a page fresh and adds keys. Everything works without it, except that times stand still.
"use strict";
(() => {
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const one = (selector, root = document) => root.querySelector(selector);

  // The same words as `when::lasting`.
  const lasting = (seconds) => {
    const s = Math.max(0, Math.floor(seconds)), m = Math.floor(s / 60);
    if (m < 1) return `${s} s`;
    if (m < 60) return `${m} min`;
    if (m < 2880) return `${Math.floor(m / 60)} h ${String(m % 60).padStart(2, "0")}`;
    return `${Math.floor(m / 1440)} days`;
  };

  // The server's words are true at load; from then on only the passing of time is added, so a wrong clock here shows nothing wrong.
  let base = new Map(), loaded = performance.now();
  const units = { s: 1, min: 60, days: 86400 };
  const seconds = (text) => {
    const hours = text.match(/^(\d+) h (\d+)$/);
    if (hours) return hours[1] * 3600 + hours[2] * 60;
    const plain = text.match(/^(\d+) (s|min|days)$/);
    return plain ? plain[1] * units[plain[2]] : null;
  };
  const note = () => {
    loaded = performance.now();
    base = new Map(all("[data-since]").map((el) => [el, seconds(el.textContent.trim())]));
  };
  const tick = () => {
    const passed = (performance.now() - loaded) / 1000;
    for (const [el, at] of base) if (at !== null) el.textContent = lasting(at + passed);
  };

  // Moving with j and k.
  let at = null;
  const rows = () => all("[data-row]");
  const mark = (row, scroll = true) => {
    all(".at").forEach((el) => el.classList.remove("at"));
    at = row ? row.id : null;
    if (!row) return;
    row.classList.add("at");
    if (scroll) row.scrollIntoView({ block: "nearest" });
    const target = one("[data-tick], [data-focus], summary, h3 a, h2, a, button", row) || row;
    if (scroll) {
      if (!target.matches("a, button, input, summary")) target.tabIndex = -1;
      target.focus({ preventScroll: true });
    }
  };
  const move = (by) => {
    const list = rows(), now = list.indexOf(one(".at"));
    mark(list[Math.min(list.length - 1, Math.max(0, now + by))] || null);
  };
  // A key acts on the row that can be seen to be chosen, and on no other. Without one it only chooses the first.
  const within = () => {
    if (!rows().length) return document;
    if (!one(".at")) { move(1); return null; }
    return one(".at");
  };
  // Where one gesture answers for all rows, its buttons stand beside them; who is called or opened stands above a caller's rows. What decides never does.
  const beside = (selector) => selector === "[data-open]" || selector === "[data-call]" ? "[data-caller]" : "[data-page]";
  const found = (selector) => { const where = within(); return where && (one(selector, where) || one(selector, where.closest?.(beside(selector)) || where)); };
  const press = (selector) => found(selector)?.click();
  const reach = (selector) => {
    const field = found(selector);
    if (!field) return;
    const folded = field.closest("details:not(.menu)");
    if (folded) folded.open = true;
    field.focus();
    if (field.matches("input")) field.select();
  };
  const pick = (n) => {
    const where = within(), radio = where && all("[data-pick]", where)[n - 1];
    if (radio) { radio.checked = true; radio.focus(); }
  };

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    const radio = event.target.matches("input[type=radio], input[type=checkbox]");
    const typing = !radio && event.target.matches("input, select, textarea");
    if (event.key === "Escape") {
      if (typing) event.target.blur();
      all("details.menu[open]").forEach((d) => { d.open = false; if (d.contains(document.activeElement)) one("summary", d).focus(); });
      return;
    }
    if (typing) return;
    const keys = {
      j: () => move(1),
      k: () => move(-1),
      c: () => press("[data-call]"),
      a: () => press("[data-approve], [data-take] button"),
      e: () => reach("[data-edit]"),
      x: () => reach("[data-reason]"),
      n: () => reach("[data-note]"),
      o: () => press("[data-open]"),
      t: () => one('[data-key="t"]')?.click(),
      r: () => one('[data-key="r"]')?.click(),
      "/": () => one('input[type="search"]')?.focus(),
      "?": () => { const help = one("#help"); if (help) { help.open = !help.open; if (help.open) one("summary", help).focus(); } },
    };
    const key = /^[1-9]$/.test(event.key) ? () => pick(Number(event.key)) : keys[event.key];
    if (key) { event.preventDefault(); key(); }
  });
  // A choice of place is meant at once.
  document.addEventListener("change", (event) => { if (event.target.matches("[data-submit]")) event.target.form.requestSubmit(); });
  // Where a mouse or Tab has gone is where the keys go on.
  document.addEventListener("focusin", (event) => {
    const row = event.target.closest?.("[data-row]");
    if (row && one(".at") && one(".at") !== row) mark(row, false);
  });
  // A page of decisions begins with one, or with the one it was opened for.
  const opened = location.hash.length > 1 ? document.getElementById(location.hash.slice(1))?.closest("[data-row]") : null;
  if (opened) mark(opened);
  else if (one("[data-first]")) mark(rows()[0] || null, false);

  // A text is as long as its lines, and each has its number.
  const number = (text) => {
    const lines = text.value.split("\n").length, numbers = text.parentElement.querySelector("[data-numbers]");
    if (lines === text.rows || !numbers) return;
    text.rows = lines;
    numbers.textContent = Array.from({ length: lines }, (_, n) => n + 1).join("\n");
  };
  document.addEventListener("input", (event) => { if (event.target.matches("[data-numbered]")) number(event.target); });
  // A file's text goes where it can be read before it is sent.
  document.addEventListener("change", async (event) => {
    const into = event.target.dataset?.into, file = into && event.target.files?.[0];
    if (!file) return;
    const text = document.getElementById(into);
    text.value = await file.text();
    number(text);
  });
  // What is folded away is opened for whoever was sent there.
  const unfold = () => {
    const to = location.hash.length > 1 && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    for (let at = to || null; at; at = at.parentElement?.closest("details")) if (at.matches("details")) at.open = true;
  };
  addEventListener("hashchange", unfold);
  unfold();

  // A click says at once that it was heard.
  document.addEventListener("submit", (event) => {
    const button = event.submitter;
    if (button) setTimeout(() => { button.disabled = true; button.setAttribute("aria-busy", "true"); });
  });

  // Live: the server says that something changed, the page asks for its part again and keeps place and focus.
  const live = one("[data-live]");
  let asking = false, again = false;
  const refresh = async () => {
    if (!live) return;
    if (asking) { again = true; return; }
    // What somebody is typing or choosing is not taken away.
    if (live.contains(document.activeElement) && document.activeElement.matches("input, select")) return;
    asking = true;
    try {
      const url = new URL(location.href);
      url.searchParams.set("fragment", "1");
      const answer = await fetch(url, { headers: { accept: "text/html" }, redirect: "error" });
      if (!answer.ok) throw new Error(String(answer.status));
      const row = document.activeElement?.closest("[data-row]");
      const place = row ? all("a, button", row).indexOf(document.activeElement) : -1, focus = row?.id;
      live.innerHTML = await answer.text();
      note();
      if (at) mark(document.getElementById(at), false);
      if (focus) {
        const targets = all("a, button", document.getElementById(focus) || live);
        (targets[place] || targets[0])?.focus({ preventScroll: true });
      }
      stale(false);
    } catch { stale(true); }
    asking = false;
    if (again) { again = false; refresh(); }
  };
  const stale = (is) => {
    const line = one("#stale"), head = one("[data-as-of]");
    if (!line) return;
    line.hidden = !is;
    if (is && head) one("span", line).textContent = head.dataset.asOf;
  };

  note();
  setInterval(tick, 1000);
  if (live && document.body.hasAttribute("data-signed-in")) {
    const events = new EventSource("/events");
    let pending = null;
    events.addEventListener("changed", () => { clearTimeout(pending); pending = setTimeout(refresh, 150); });
    events.onopen = () => { if (!one("#stale").hidden) refresh(); };
    events.onerror = () => stale(true);
    // Due times pass without anything happening.
    setInterval(refresh, 30000);
  }
})();
