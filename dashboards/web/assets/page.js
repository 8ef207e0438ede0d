// Keeps the page up to date, and reads single values from its charts. Everything is readable without it.
"use strict";

const SILENCE_MS_MAX = 30000; // three missed heartbeats
const ANNOUNCEMENT_MS = 60000;
const RETRY_MS = 3000;
const COPIED_MS = 1500;

const root = document.documentElement;
const live = document.getElementById("live");
const main = document.getElementById("main");
root.classList.add("js");

// ---- The event stream ----

let events = document.body.dataset.events;
let held = document.body.dataset.held;
let source = null;
let heardAt = Date.now();
const waiting = new Map(); // fragments that cannot be shown while the reader is busy with the old ones

function setLive(state, text) {
  if (live.dataset.state !== state) {
    live.dataset.state = state;
    live.textContent = text;
  }
}

function heard() {
  heardAt = Date.now();
  main.removeAttribute("aria-busy");
  setLive("live", "live");
}

function connect() {
  if (source) source.close();
  const joint = events.includes("?") ? "&" : "?";
  source = new EventSource(events + joint + "held=" + encodeURIComponent(held));
  const own = source;
  heardAt = Date.now();
  own.onerror = () => {
    setLive("wait", "reconnecting");
    // A refusal (too many readers) closes the source for good; a broken connection does not.
    if (own.readyState === EventSource.CLOSED) setTimeout(() => own === source && connect(), RETRY_MS);
  };
  own.addEventListener("pulse", heard);
  own.addEventListener("fragments", (event) => {
    heard();
    held = event.lastEventId;
    for (const [name, html] of Object.entries(JSON.parse(event.data))) waiting.set(name, html);
    showWaiting();
  });
}

function isBusy(part) {
  const active = document.activeElement;
  if (active && active.tagName === "SELECT" && part.contains(active)) return true;
  const selection = document.getSelection();
  return Boolean(selection) && !selection.isCollapsed && part.contains(selection.anchorNode);
}

function showWaiting() {
  for (const [name, html] of waiting) {
    const part = document.getElementById(name);
    if (part && isBusy(part)) continue;
    waiting.delete(name);
    if (part) swap(part, html);
  }
  tellAges();
}

// Replaces a part but keeps what the reader did to it: focus, folding, scrolling.
function swap(part, html) {
  const active = document.activeElement;
  const focus = active && part.contains(active) ? active.id : "";
  const open = [...part.querySelectorAll("details[open]")].map((details) => details.id);
  const place = reading?.x;
  const scrolls = [...part.querySelectorAll(".scroll")].map((box) => [box.scrollTop, box.scrollLeft]);
  part.innerHTML = html; // escaped by the server, and no script of it could run under the page's policy
  for (const id of open) document.getElementById(id)?.setAttribute("open", "");
  part.querySelectorAll(".scroll").forEach((box, number) => {
    if (scrolls[number]) [box.scrollTop, box.scrollLeft] = scrolls[number];
  });
  if (focus) document.getElementById(focus)?.focus({ preventScroll: true });
  if (reading && part.contains(document.getElementById(reading.id))) moveTo(place);
  announce();
}

// ---- Ages, title, announcements ----

function ago(ms) {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 60) return seconds + " s";
  if (seconds < 3600) return Math.floor(seconds / 60) + " min";
  if (seconds < 86400) return Math.floor(seconds / 3600) + " h";
  return Math.floor(seconds / 86400) + " d";
}

function tellAges() {
  for (const age of document.querySelectorAll("[data-since]")) {
    age.textContent = ", " + ago(Date.now() - Date.parse(age.dataset.since)) + " ago";
  }
  const title = document.getElementById("amount")?.dataset.title;
  if (title) document.title = title + " · Bitcoin dashboard";
}

let announcedAt = Date.now();
function announce() {
  const amount = document.getElementById("amount");
  if (!amount || Date.now() - announcedAt < ANNOUNCEMENT_MS) return;
  announcedAt = Date.now();
  const change = document.querySelector(".change")?.textContent ?? "";
  document.getElementById("announcement").textContent = "Bitcoin at " + amount.dataset.title + ", " + change;
}

setInterval(() => {
  showWaiting();
  if (Date.now() - heardAt > SILENCE_MS_MAX) {
    setLive("wait", "reconnecting");
    connect();
  }
}, 1000);

// ---- Choosing a view without a reload ----

// The address says what is shown; one choice changes one part of it, however old the clicked control is.
function choose(name, value) {
  const query = new URLSearchParams(location.search);
  query.set(name, value);
  history.pushState(null, "", "/?" + query);
  events = "/events?" + query;
  main.setAttribute("aria-busy", "true");
  connect();
}

document.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-choice]");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.button !== 0) return;
  event.preventDefault();
  const [name, value] = link.dataset.choice.split("=");
  for (const other of document.querySelectorAll(`a[data-choice^="${name}="]`)) {
    if (other.dataset.choice === link.dataset.choice) other.setAttribute("aria-current", "true");
    else other.removeAttribute("aria-current");
  }
  choose(name, value);
});
document.addEventListener("change", (event) => {
  if (!event.target.matches("select[data-choice]")) return;
  event.target.blur();
  choose(event.target.name, event.target.value);
});
addEventListener("popstate", () => location.reload());

// ---- Reading single values ----

let reading = null; // which chart is read, and where
const points = new WeakMap();

// The table's rows are the chart's points; both are newest first.
function pointsOf(reader) {
  const table = document.getElementById(reader.closest("figure").dataset.readout);
  if (!points.has(table)) {
    const rows = [...table.tBodies[0].rows].reverse();
    points.set(table, rows.map((row) => {
      const [x, y] = row.dataset.at.split(" ").map(Number);
      return { x, y, row };
    }));
  }
  return [points.get(table), [...table.tHead.rows[0].cells].map((cell) => cell.textContent)];
}

function nearest(all, x) {
  return all.reduce((best, point, number) => (Math.abs(point.x - x) < Math.abs(all[best].x - x) ? number : best), 0);
}

function moveTo(x) {
  const reader = document.getElementById(reading.id);
  const [all, columns] = pointsOf(reader);
  if (!all.length) return;
  const number = nearest(all, x);
  const point = all[number];
  const [cursor, dot, tip] = [".cursor", ".dot", ".tip"].map((name) => reader.parentElement.querySelector(name));
  const cells = [...point.row.cells].map((cell) => (cell.querySelector("code, span") ?? cell).textContent.trim());
  for (const mark of [cursor, dot, tip]) {
    mark.hidden = false;
    mark.style.left = point.x + "%";
  }
  dot.style.top = point.y + "px";
  tip.classList.toggle("left", point.x > 55);
  tip.replaceChildren(...cells.flatMap((cell, column) => line(columns[column], cell, column === 0)));
  reading.x = point.x;
  reader.setAttribute("aria-valuenow", number + 1);
  reader.setAttribute("aria-valuetext", cells.map((cell, column) => (column ? columns[column] + " " : "") + cell).join(", "));
}

function line(label, text, isFirst) {
  const value = document.createElement("b");
  value.textContent = text;
  if (isFirst) return [value];
  const name = document.createElement("span");
  name.textContent = label + " ";
  return [document.createElement("br"), name, value];
}

function leave(reader) {
  if (reading?.id === reader.id) reading = null;
  for (const mark of reader.parentElement.querySelectorAll(".cursor, .dot, .tip")) mark.hidden = true;
}

document.addEventListener("pointermove", (event) => {
  const reader = event.target.closest?.(".reader");
  if (reading && reading.id !== reader?.id && reading.byPointer) leave(document.getElementById(reading.id));
  if (!reader) return;
  const box = reader.getBoundingClientRect();
  reading = { id: reader.id, byPointer: true };
  moveTo(((event.clientX - box.left) / box.width) * 100);
});
document.addEventListener("focusin", (event) => {
  if (!event.target.matches?.(".reader:focus-visible")) return;
  reading = { id: event.target.id };
  moveTo(100);
});
document.addEventListener("focusout", (event) => event.target.matches?.(".reader") && leave(event.target));
document.addEventListener("keydown", (event) => {
  const reader = event.target.closest?.(".reader");
  if (!reader) return;
  const [all] = pointsOf(reader);
  const steps = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1, PageDown: -10, PageUp: 10, Home: -all.length, End: all.length };
  const step = steps[event.key];
  if (event.key === "Escape") leave(reader);
  if (step === undefined || !all.length) return;
  event.preventDefault();
  const number = nearest(all, reading?.x ?? 100) + step;
  reading = { id: reader.id };
  moveTo(all[Math.min(Math.max(number, 0), all.length - 1)].x);
});

// ---- Small things ----

document.addEventListener("click", async (event) => {
  const button = event.target.closest(".copy");
  if (!button) return;
  try {
    await navigator.clipboard.writeText(button.previousElementSibling.title);
    button.textContent = "Done";
  } catch {
    button.textContent = "Failed";
  }
  setTimeout(() => (button.textContent = "Copy"), COPIED_MS);
});
document.getElementById("theme").addEventListener("click", () => {
  const isDark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = isDark ? "light" : "dark";
  document.cookie = "theme=" + root.dataset.theme + "; path=/; max-age=31536000; samesite=strict";
});

tellAges();
connect();
