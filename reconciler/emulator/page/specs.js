// The specs behind the world: turns what the emulator was told of them into a banner, and into lines for other parts.

import { admin } from "./api.js";
import { el, redraw } from "./dom.js";
import { markOf } from "./people.js";

const UNKNOWN = { state: "none", summary: "", stack: "", environment: "", problems: [], places: {}, senders: {} };
const TOLD = { not_applied: "The saved specs are not applied", partly_applied: "The saved specs are applied in part", waiting: "Another apply is at work" };
const MOST = 3;
const RANKS = ["error", "warning"];

/** Return the part that asks how the specs stand whenever that changes; `changed()` is told, `known()` gives it. */
export function specs(changed) {
  const node = el("div", { class: "specs", role: "status" }); // always there: what comes into it is read out
  let known = UNKNOWN;
  let asked = "";
  let dismissed = "";

  function update({ events, online }) {
    const latest = events.findLast((one) => one.type === "specs.changed");
    const wanted = `${online} ${latest?.id}`;
    if (!online || wanted === asked) return;
    asked = wanted;
    admin("specs").then(take, () => (asked = ""));
  }

  function take(found) {
    known = found;
    const told = JSON.stringify(found.problems);
    const is_shown = found.state in TOLD || (ranked(found.problems).length > 0 && told !== dismissed);
    redraw(node, [is_shown, found.state, found.summary, told], () => (is_shown ? banner(found, () => dismiss(told)) : []));
    for (const caret of node.querySelectorAll(".caret")) reveal(caret);
    changed();
  }

  function dismiss(told) {
    dismissed = told;
    take(known);
  }

  return { node, update, known: () => known, isTold: () => known !== UNKNOWN };
}

/** Return errors, then warnings. */
function ranked(problems) {
  return RANKS.flatMap((rank) => problems.filter((one) => one.severity === rank));
}

/** Return what is wrong; where all is applied there are but warnings, which one can put away. */
function banner({ state, summary, problems }, dismiss) {
  const all = ranked(problems);
  const is_loud = state in TOLD;
  return el("section", { class: `card saved ${state}`, "aria-label": "Specs", tabindex: "0" },
    el("div", { class: "heading" },
      el("h2", {}, is_loud ? TOLD[state] : `The saved specs are applied, with ${all.length === 1 ? "a warning" : `${all.length} warnings`}`),
      !is_loud && el("button", { type: "button", class: "small", onclick: dismiss }, "Dismiss")),
    all.slice(0, MOST).map(problem),
    all.length > MOST && el("p", {}, `And ${all.length - MOST} more; the terminal has them all.`),
    el("p", { class: "goes-on" }, summary));
}

function problem({ severity, file, line, column, address, summary, detail, quote }) {
  const where = file ? `${file}:${line}:${column}` : address;
  return el("div", { class: `problem ${severity}` },
    el("p", {}, where && el("code", {}, where), where && " ", el("strong", {}, summary)),
    quote && el("pre", { tabindex: "0", "aria-label": "The line" }, pointed(quote)),
    detail && el("p", { class: "detail" }, detail));
}

/** Return a quoted line whose caret can be brought into sight. */
function pointed(quote) {
  const at = quote.lastIndexOf("^");
  return at < 0 ? quote : [quote.slice(0, at), el("span", { class: "caret" }, quote[at]), quote.slice(at + 1)];
}

/** Scroll a long line sideways to its caret. */
function reveal(caret) {
  const line = caret.parentElement;
  const beyond_px = caret.getBoundingClientRect().right - line.getBoundingClientRect().right;
  if (beyond_px > 0) line.scrollLeft += beyond_px + line.clientWidth / 2;
}

/**
 * Return where specs say what a conversation is, or a participant of it: `{file, line, text, sender}`, and
 * `sender` the same for the sender that it names, or null. Null where no specs made it.
 */
export function written(known, conversation, participant = null) {
  const marks = [conversation, participant].filter(Boolean).map(markOf);
  if (!marks.every((one) => one && one.o === known.stack && (one.e ?? "") === known.environment)) return null;
  const address = marks.map((one, at) => `${at ? "participant" : "conversation"}/${one.k}`).join("/");
  return known.places[address] ?? null;
}

/** Return the name that `via` has for an address of ours, "" where the stack has none. */
export function senderName(known, address) {
  return Object.entries(known.senders).find(([, one]) => one.addresses.includes(address))?.[0] ?? "";
}

/** Return `file:line` of what `written` gives. */
export function placeOf({ file, line }) {
  return `${file}:${line}`;
}
