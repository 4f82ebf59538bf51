// Tomorrow on a ruler: turns what is due into marks, and a pull to the right into time that passes.
//
// While it is pulled, or pushed by a button, nothing has happened yet: the phones show what would be then. Letting go,
// or a last button, lets time pass.

import { attribute, el, keep, redraw, text } from "./dom.js";
import { duration, moment, number, title } from "./format.js";
import { nameOf, participantOf } from "./people.js";

const SPAN_H = 72;
const NEAR_S = 1.5 * 3600;
const LABEL_S = 16 * 3600;
const LATE_S = 54 * 3600;
const STEP_H = 0.25;

/** Return the part with the ruler; `actions.ahead(seconds)` previews, `actions.pass(seconds)` lets time pass. */
export function ruler(actions) {
  const clock = el("p", { class: "clock" });
  const mode = el("button", { type: "button", class: "small", onclick: () => actions.freeze(latest.scene.clock.mode !== "frozen") });
  const told = el("p", { class: "ahead" });
  const go = el("button", { type: "button", class: "go", onclick: pass }, "Let it pass");
  const marks = el("ol", { class: "marks", "aria-label": "What is due" });
  const slide = el("input", {
    ...{ type: "range", min: "0", max: String(SPAN_H), step: String(STEP_H), value: "0", list: "ruler-hours" },
    "aria-label": "Hours to let pass",
  });
  const scale = el("div", { class: "scale", "aria-hidden": "true" });
  const track = el("div", { class: "track" }, scale, marks, slide);
  const node = el("section", { class: "ruler", "aria-label": "Time" },
    el("div", { class: "now" }, clock, mode), track, el("div", { class: "then" }, told, quick(1), quick(25), go));
  node.addEventListener("keydown", (event) => event.key === "Escape" && back());
  let latest = null;
  let is_passing = false;

  for (let hour = 0; hour <= SPAN_H; hour += 12) scale.append(placed(el("span", {}, hour ? `+${hour} h` : "now"), hour * 3600));
  slide.addEventListener("input", () => actions.ahead(ahead_s()));
  slide.addEventListener("pointerdown", (event) => slide.setPointerCapture(event.pointerId));
  slide.addEventListener("pointerup", () => setTimeout(pass));
  slide.addEventListener("keydown", (event) => event.key === "Enter" && pass());

  function quick(hours) {
    return el("button", { type: "button", class: "small", onclick: () => push(hours) }, `+${hours} h`);
  }

  function push(hours) {
    slide.value = String(Number(slide.value) + hours);
    actions.ahead(ahead_s());
  }

  function ahead_s() {
    return Number(slide.value) * 3600;
  }

  function back() {
    slide.value = "0";
    actions.ahead(0);
  }

  async function pass() {
    if (!ahead_s() || is_passing) return;
    is_passing = true;
    try {
      await actions.pass(ahead_s());
    } finally {
      is_passing = false;
      if (document.activeElement === go) slide.focus(); // the button is about to be of no use
      back();
    }
  }

  function update({ scene, now_s }) {
    latest = { scene, now_s };
    const ahead = ahead_s();
    text(clock, moment(now_s));
    text(mode, scene.clock.mode === "frozen" ? "Frozen: let it run" : "Running: freeze");
    attribute(told, "aria-live", ahead ? "polite" : "off");
    text(told, ahead ? then(scene, now_s, ahead) : next(scene, now_s));
    attribute(go, "disabled", !ahead);
    attribute(slide, "aria-valuetext", ahead ? `${duration(ahead)} from now` : "now");
    keep(marks, laned(grouped(scene, now_s)), ({ group }) => keyOf(group), () => mark(() => latest.now_s + ahead_s()));
  }

  return { node, update };

  function mark(reached_s) {
    const label = el("span", {});
    const node = el("li", {}, label);
    return {
      node,
      update({ group, lane }) {
        const [due] = group;
        placed(node, due.at_s - latest.now_s);
        node.className = `due ${due.what}${lane ? " upper" : ""}${due.at_s - latest.now_s > LATE_S ? " late" : ""}${due.at_s <= reached_s() ? " reached" : ""}`;
        const all = group.map((one) => `${words(one, latest.scene)}, ${moment(one.at_s)}`);
        const more = group.length > 1 ? ` + ${group.length - 1} more` : "";
        redraw(label, [words(due, latest.scene), all], ([first]) => [first + more, el("span", { class: "unseen" }, all.join("; "))]);
        attribute(label, "title", all.join("\n"));
      },
    };
  }
}

function placed(node, seconds) {
  node.style.setProperty("--at", Math.min(1, Math.max(0, seconds / (SPAN_H * 3600))).toFixed(5));
  return node;
}

/** Return what is due within the span, what is close together as one group, so that labels can be read. */
function grouped(scene, now_s) {
  const groups = [];
  for (const due of scene.dues.filter((one) => one.at_s - now_s <= SPAN_H * 3600)) {
    const last = groups[groups.length - 1];
    if (last && due.at_s - last[0].at_s < NEAR_S) last.push(due);
    else groups.push([due]);
  }
  return groups.map((group) => group.sort((one, other) => isOurs(other, scene) - isOurs(one, scene)));
}

/** Return the groups with the lane of each label: the upper one where the lower is taken. */
function laned(groups) {
  let taken_s = -Infinity;
  return groups.map((group) => {
    const lane = group[0].at_s < taken_s ? 1 : 0;
    if (!lane) taken_s = group[0].at_s + LABEL_S;
    return { group, lane };
  });
}

/** Tell whether something due is of the conversation that is looked at. */
function isOurs(due, { conversation }) {
  return Boolean(due.conversation) && due.conversation.sid === conversation?.sid;
}

function keyOf([due]) {
  return [due.what, due.address, due.sender, due.name, due.conversation?.sid, due.build?.sid].join(" ");
}

function words(due, scene) {
  if (due.what === "window") {
    const known = isOurs(due, scene) && participantOf(scene.conversation, due.address);
    if (known) return `${nameOf(known)}: window shuts`;
    const whose = due.conversation ? title(due.conversation) : `With ${number(due.sender)}`;
    return `${whose}: window of ${number(due.address)} shuts`;
  }
  if (due.what === "approval") return `Template ${due.name}: ${due.verdict}`;
  if (due.build) return `Build of ${due.build.service}: ${due.build.verdict}`;
  return `${title(due.conversation)}: ${due.what === "inactive" ? "falls inactive" : "closes"}`;
}

function then(scene, now_s, ahead_s) {
  const due = scene.dues.filter((one) => one.at_s <= now_s + ahead_s);
  const told = due.filter((one) => isOurs(one, scene)).map((one) => words(one, scene));
  const others = due.length - told.length;
  return `In ${duration(ahead_s)}: ${[...told, ...(others ? [`${others} elsewhere`] : [])].join("; ") || "nothing falls due"}`;
}

function next(scene, now_s) {
  const ahead = scene.dues.filter((one) => one.at_s > now_s);
  const first = ahead.find((one) => isOurs(one, scene)) ?? ahead[0];
  return first ? `Next in ${duration(first.at_s - now_s)}: ${words(first, scene)}` : "Nothing is due. Pull the ruler to see tomorrow.";
}
