// The tutorial on the page: turns the chapter one is at into a card with one button, and an empty world into a welcome.

import { attribute, el, icon, redraw, text } from "./dom.js";
import { CHAPTERS, caller } from "./tutorial.js";

/** Return the card of the chapter that is looked at; hidden where none is. */
export function lesson(actions) {
  const head = el("h2", { id: "lesson-title", tabindex: "-1" });
  const step = el("p", { class: "step" });
  const words = el("p", {});
  const play = el("button", { type: "button", class: "primary", onclick: run });
  const onward = el("button", { type: "button", onclick: () => go(1) }, "Next chapter");
  const back = el("button", { type: "button", class: "plain", onclick: () => go(-1) }, "Back");
  const shut = el("button", { type: "button", class: "plain", onclick: () => actions.tutorial("") }, "Leave the tutorial");
  const calls = el("ol", { class: "calls", "aria-label": "Calls made", "aria-live": "polite" });
  const wrong = el("p", { class: "wrong", role: "alert" });
  const node = el("section", { class: "lesson card", "aria-labelledby": "lesson-title", hidden: true },
    el("div", { class: "words" }, step, head, words),
    el("div", { class: "does" }, el("div", { class: "buttons" }, play, onward, back, shut), calls, wrong));
  let number = 0;
  let latest = null;

  async function run() {
    attribute(play, "disabled", true);
    text(wrong, "");
    calls.replaceChildren();
    try {
      actions.show(await CHAPTERS[number - 1].play(caller(latest, tell)));
    } catch (error) {
      text(wrong, error.message);
    } finally {
      attribute(play, "disabled", false);
    }
  }

  function tell({ what, status }) {
    calls.append(el("li", {}, el("code", {}, what.replace(/CH(\w{4})\w{28}/, "CH$1…")), status && el("span", { class: "badge created" }, String(status))));
  }

  function go(by) {
    actions.tutorial(String(number + by));
    head.focus();
  }

  function update({ scene, view }) {
    const before = number;
    number = Number(view.tutorial) in [0, ...CHAPTERS] ? Number(view.tutorial) : 0;
    latest = scene;
    node.hidden = !number;
    if (!number) return;
    const chapter = CHAPTERS[number - 1];
    if (before !== number) {
      calls.replaceChildren();
      text(wrong, "");
    }
    text(step, `Chapter ${number} of ${CHAPTERS.length}`);
    text(head, chapter.title);
    text(words, chapter.text);
    text(play, chapter.deed);
    onward.hidden = number === CHAPTERS.length;
    back.hidden = number === 1;
  }

  return { node, update };
}

/** Return what stands where the phones will be, while there is no conversation. */
export function welcome(actions) {
  const node = el("section", { class: "welcome", "aria-labelledby": "welcome-title" });
  const start = el("button", { type: "button", class: "primary", onclick: () => actions.tutorial("1") }, icon("play"), "Play the tutorial");
  node.append(
    el("div", { class: "words" },
      el("h2", { id: "welcome-title" }, "Two phones, one mask"),
      el("p", { class: "lead" }, "This is Twilio Conversations on your machine. No account, no network. Nothing has been made yet."),
      el("p", {}, start),
      el("ol", { class: "chapters" }, CHAPTERS.map((one) => el("li", {}, el("strong", {}, one.title), el("span", {}, one.text)))),
      el("h3", {}, "Or bring your own"),
      el("p", {}, "Let the emulator keep a folder of specs applied, apply one to this world, or point a client of Twilio here. The phones appear by themselves."),
      el("pre", { tabindex: "0", "aria-label": "Command" }, `reconciler emulator PATH\nreconciler apply PATH --endpoint ${location.origin}`)),
    el("div", { class: "ghosts", "aria-hidden": "true" }, 
      ghost("whatsapp", "+1 555 010 0250", [["out", "Hi! Where is my pizza?"], ["in", "At your door. Which bell is it?"]]),
      ghost("sms", "+1 555 010 0251", [["in", "Hi! Where is my pizza?"], ["out", "At your door. Which bell is it?"]])),
  );
  return { node, update: () => redraw(node, 1, () => [...node.childNodes]) };
}

function ghost(look, sender, lines) {
  const bar = el("span", { class: "bar" }, el("b", {}, sender), el("span", {}, "real peer hidden"));
  return el("div", { class: `ghost ${look}` }, bar, lines.map(([way, said]) => el("span", { class: `line ${way}` }, said)));
}
