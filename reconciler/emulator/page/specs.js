// The specs behind the world: turns what the emulator was told of them into a banner, and into lines for other parts.

import { admin } from "./api.js";
import { el, redraw } from "./dom.js";
import { markOf } from "./people.js";

const UNKNOWN = { state: "none", summary: "", stack: "", environment: "", problems: [], places: {} };
const TOLD = { not_applied: "The saved specs are not applied", partly_applied: "The saved specs are applied in part", waiting: "Another apply is at work" };
const MOST = 3;

/** Return the part that asks how the specs stand whenever that changes; `changed()` is told, `known()` gives it. */
export function specs(changed) {
  const node = el("div", { class: "specs", role: "status" }); // always there: what comes into it is read out
  let known = UNKNOWN;
  let asked = "";

  function update({ events, online }) {
    const latest = events.findLast((one) => one.type === "specs.changed");
    const wanted = `${online} ${latest?.id}`;
    if (!online || wanted === asked) return;
    asked = wanted;
    admin("specs").then(take, () => (asked = ""));
  }

  function take(found) {
    known = found;
    redraw(node, [found.state, found.summary, found.problems], () => (found.state in TOLD ? banner(found) : []));
    changed();
  }

  return { node, update, known: () => known };
}

function banner({ state, summary, problems }) {
  const worst = problems.filter((one) => one.severity === "error");
  const shown = worst.slice(0, MOST);
  return el("section", { class: `card saved ${state}`, "aria-label": "Specs" },
    el("h2", {}, TOLD[state]),
    shown.map(problem),
    worst.length > MOST && el("p", {}, `And ${worst.length - MOST} more; the terminal has them all.`),
    el("p", { class: "goes-on" }, summary));
}

function problem({ file, line, column, address, summary, detail, quote }) {
  const where = file ? `${file}:${line}:${column}` : address;
  return el("div", { class: "problem" },
    el("p", {}, where && el("code", {}, where), where && " ", el("strong", {}, summary)),
    quote && el("pre", { tabindex: "0", "aria-label": "The line" }, quote),
    detail && el("p", { class: "detail" }, detail));
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

/** Return `file:line` of what `written` gives. */
export function placeOf({ file, line }) {
  return `${file}:${line}`;
}
