// The page: turns one scene and what is looked at into phones, the mask between them, the ruler and the drawer.

import { admin, twilio } from "./api.js";
import { drawer } from "./drawer.js";
import { attribute, el, icon, keep, redraw, text } from "./dom.js";
import { namesOf, title } from "./format.js";
import { lesson, welcome } from "./lesson.js";
import { link, linked } from "./link.js";
import { follow } from "./live.js";
import { participantOf } from "./people.js";
import { phone } from "./phone.js";
import { copier } from "./picture.js";
import { post } from "./post.js";
import { route } from "./route.js";
import { ruler } from "./ruler.js";
import { saver } from "./scenario.js";
import { seats } from "./seats.js";
import { specs } from "./specs.js";

const LARGE = 2;
let view = linked();
let ahead_s = 0;
let state = null;
let trouble = "";

const actions = {
  show: (sid) => look({ conversation: sid, message: "" }),
  select: (sid) => look({ message: sid && sid !== view.message ? sid : "" }),
  find: (conversation, message) => look({ message, ...(conversation && conversation !== shown() ? { conversation } : {}) }),
  drawer: (name) => look({ drawer: name }),
  tutorial: (number) => look({ tutorial: number }),
  reveal(address) {
    const now = view.revealed.split(" ").filter(Boolean);
    const kept = now.filter((one) => one !== address);
    look({ revealed: (kept.length < now.length ? kept : [...now, address]).join(" ") });
  },
  ahead(seconds) {
    ahead_s = seconds;
    draw();
  },
  send: (from, to, body) => admin("phones/send", { from, to, body }).then(live.refresh),
  deed: (name, address, sender) => admin(`phones/${name}`, { address, sender }).then(live.refresh),
  reach: (one) => admin(`phones/${one.online ? "offline" : "online"}`, { address: one.address }).then(live.refresh),
  pass: (seconds) => admin("clock/advance", { seconds }).then(live.refresh),
  replay: (id) => admin(`webhooks/${id}/replay`, {}).then(live.refresh),
  freeze: (still) => admin("clock", { mode: still ? "frozen" : "real" }, "PUT").then(live.refresh),
  post: ({ sid, chat_service_sid: service }, form) =>
    twilio(state.scene.account, "POST", `Services/${service}/Conversations/${sid}/Messages`, form),
};

const parts = {
  lesson: lesson(actions),
  welcome: welcome(actions),
  route: route(),
  post: post(actions),
  ruler: ruler(actions),
  drawer: drawer(actions),
  specs: specs(() => draw()),
};
const chooser = el("select", { id: "choose", onchange: () => actions.show(chooser.value) });
const stateTag = el("span", { class: "tag state" });
const online = el("p", { class: "silent", role: "status" }); // always there: what comes into it is read out
const seated = seats();
const learn = el("button", { type: "button", class: "terse", title: "Tutorial", onclick: () => actions.tutorial("1") }, icon("play"), el("span", {}, "Tutorial"));
const phones = el("div", { class: "phones" });
const between = el("div", { class: "between" }, parts.route.node, parts.post.node);
const stage = el("div", { class: "stage" }, phones, between);
const shot = copier(stage);
const scenario = saver();

document.getElementById("top").append(
  el("h1", { class: "brand" }, icon("mask"), el("span", {}, "reconciler ", el("strong", {}, "emulator"))),
  el("div", { class: "chosen" }, el("label", { for: "choose" }, "Conversation"), chooser, stateTag),
  shot.said,
  scenario.said,
  learn,
  shot.node,
  scenario.node,
  parts.drawer.opener,
);
document.getElementById("main").replaceChildren(online, parts.specs.node, parts.lesson.node, parts.welcome.node, stage);
document.getElementById("side").append(parts.drawer.node);
document.getElementById("bottom").append(parts.ruler.node);

const live = follow(
  (rows) => ({
    scene: `page?conversation=${encodeURIComponent(view.conversation)}`,
    rows: parts.drawer.asks(view.drawer, rows),
  }),
  (found) => {
    state = found;
    trouble = "";
    draw();
  },
);

function look(change) {
  view = { ...view, ...change };
  link(view);
  draw();
  if ("conversation" in change || parts.drawer.asks(change.drawer, {})) live.refresh();
}

function shown() {
  return state.scene.conversation?.sid;
}

function messageOf(scene) {
  const all = scene.conversation?.messages ?? [];
  return all.find((one) => one.sid === view.message) ?? all[all.length - 1] ?? null;
}

/** Say what is wrong with the emulator, or with the page itself, above all else. */
function tell() {
  const silent = state?.wrong ? `The emulator refuses to answer; trying again. ${state.wrong}` : "The emulator does not answer; trying again";
  text(online, state && !state.online ? silent : trouble);
}

function draw() {
  tell();
  if (!state) return;
  const { events, rows } = state;
  const scene = seated(state.scene, parts.specs.known());
  const given = { scene, events, rows, view, ahead_s, now_s: live.now_s(), message: messageOf(scene), specs: parts.specs.known() };
  document.body.dataset.ready = state.online && parts.specs.isTold() ? "yes" : "no"; // nothing is to move under a hand
  parts.specs.update(state);
  top_(scene);
  const is_empty = !scene.conversation;
  parts.welcome.node.hidden = !is_empty || Boolean(view.tutorial);
  stage.hidden = is_empty;
  learn.hidden = is_empty || Boolean(view.tutorial);
  parts.lesson.update(given);
  parts.ruler.update(given);
  parts.ruler.node.hidden = is_empty;
  parts.drawer.update(given);
  shot.update(given);
  scenario.update(given);
  if (is_empty) return;
  parts.post.node.hidden = Boolean(view.tutorial);
  parts.route.update(given);
  parts.post.update(given);
  keep(phones, scene.phones.map((one, at) => handset(given, one, at)), (one) => one.phone.address, (one) => phone(one, actions));
  attribute(stage, "data-phones", Math.min(scene.phones.length, LARGE + 1));
}

function handset(given, one, at) {
  const { conversation } = given.scene;
  const participant = participantOf(conversation, one.address);
  return { ...given, phone: one, conversation, participant, compact: at >= LARGE };
}

function top_(scene) {
  chooser.parentElement.hidden = !scene.conversation;
  if (!scene.conversation) return;
  redraw(chooser, scene.conversations, choices);
  if (chooser.value !== scene.conversation.sid) chooser.value = scene.conversation.sid;
  document.title = `${title(scene.conversation)} · reconciler emulator`;
  text(stateTag, state.online ? scene.conversation.state : "");
  attribute(stateTag, "data-state", scene.conversation.state);
}

/** Return what can be chosen: open conversations, then closed ones below a heading. */
function choices(conversations) {
  const names = namesOf(conversations);
  const [open, closed] = [false, true].map((is_closed) =>
    conversations.flatMap((one, at) => ((one.state === "closed") === is_closed ? [el("option", { value: one.sid }, names[at])] : [])),
  );
  return [open, closed.length > 0 && el("optgroup", { label: "Closed, the latest first" }, closed)].flat();
}

addEventListener("hashchange", () => {
  view = linked();
  draw();
  live.refresh();
});
addEventListener("unhandledrejection", (event) => wrong(event.reason));
addEventListener("error", ({ error }) => error && wrong(`The page made a mistake: ${error.message}. Reload it.`));
setInterval(() => (parts.drawer.asks(view.drawer, {}) ? live.poll() : draw()), 1000); // what a tab asks for makes no events

/** Tell what went wrong until the next scene. */
function wrong(reason) {
  trouble = String(reason?.message ?? reason);
  tell();
}
