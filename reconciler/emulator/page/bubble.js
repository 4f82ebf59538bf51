// One message on a handset: turns a row of the channel into a bubble, as its person sees it, and into what the
// emulator alone knows: how it ended, and what to do where it was lost. That stands below, in the emulator's look.

import { attribute, el, icon, redraw } from "./dom.js";
import { timeOfDay } from "./format.js";
import { remedy } from "./remedy.js";

const GONE = ["failed", "undelivered"];
const UNTOLD = { sign: "✓", tone: "plain", words: "In the conversation" };
const REMOVED = { sign: "✓", tone: "plain", words: "Its message was removed since" };

/** Return the part of one row `{row, phone, conversation, participant, selected, is_stop}`. */
export function bubble(item, actions) {
  const press = el("button", { type: "button", class: "bubble", onclick: () => actions.select(latest.row.message_sid) });
  const buttons = el("div", { class: "buttons" });
  const end = el("p", { class: "fate", id: `fate-${item.row.sid}` });
  const note = el("div", { class: "note" });
  const node = el("li", { "data-sid": item.row.sid }, press, buttons, end, note);
  attribute(press, "aria-describedby", end.id);
  let latest = item;

  function update(next) {
    latest = next;
    const { row, selected } = next;
    const told = fate(next);
    node.className = `${row.direction} ${told.tone}`;
    attribute(press, "aria-pressed", selected);
    attribute(press, "tabindex", next.is_stop ? "0" : "-1");
    redraw(press, [row.body, row.media, row.subject, row.date], () => content(row));
    redraw(end, told, () => [icon("mask"), el("span", { class: `mark ${told.look}`, "aria-hidden": "true" }, told.sign), " ", told.words]);
    redraw(buttons, [row.content, told.tone], () => (told.tone === "there" ? offered(next, actions) : []));
    buttons.hidden = !buttons.childElementCount;
    const found = told.tone === "lost" && remedy(next);
    redraw(note, [row.error_code, row.reason, row.explanation, found], () => (found ? lost(row, found) : []));
    note.hidden = told.tone !== "lost";
  }

  return { node, update };
}

function content(row) {
  return [
    row.subject && el("strong", { class: "subject" }, row.subject),
    el("span", { class: "body", dir: "auto" }, row.body ?? (row.content_sid ? `Template ${row.content_sid}` : "")),
    row.media.map((one) => el("span", { class: "media" }, `📎 ${one.filename ?? one.content_type}`)),
    " ",
    el("span", { class: "when" }, timeOfDay(row.date)),
  ];
}

/** Return what a template has below its text: a quick reply is written when it is pressed, all else is only shown. */
function offered({ row, phone }, actions) {
  const { type, actions: titles = [] } = row.content ?? {};
  const reply = (title) => () => actions.send(phone.address, row.sender.split(","), title);
  return titles.map((title) =>
    type === "twilio/quick-reply"
      ? el("button", { type: "button", class: "small", onclick: reply(title) }, el("bdi", {}, title))
      : el("span", { class: "offer" }, el("bdi", {}, title)),
  );
}

/** Return how a row ended so far: `{tone, sign, look, words}`; tone is lost, waiting or there. */
export function fate({ row }) {
  if (row.direction === "received") return arrival(row);
  if (!row.message_sid) return { tone: "lost", sign: "!", look: "bad", words: "Nobody got this" };
  const { sign, tone, words } = row.fate ? reach(row.fate) : REMOVED;
  return { tone: "there", sign, look: tone, words };
}

function arrival(row) {
  if (GONE.includes(row.status)) return { tone: "lost", sign: "!", look: "bad", words: "Never arrived" };
  if (row.reason === "keyword_reply") return { tone: "there", sign: "✓", look: "plain", words: "Twilio's own reply" };
  if (row.status === "read") return { tone: "there", sign: "✓✓", look: "read", words: "Read" };
  if (row.status === "delivered") return { tone: "there", sign: "✓✓", look: "plain", words: "Delivered" };
  return { tone: "waiting", sign: "◷", look: "plain", words: "Waiting: not delivered yet" };
}

/** Return in words how far a message got with those it was meant for; who chats reads it in the app all the same. */
export function reach({ receipts, in_app: is_read }) {
  const all = receipts.length;
  const lost = receipts.filter((one) => GONE.includes(one.status));
  const there = receipts.filter((one) => ["delivered", "read"].includes(one.status)).length;
  if (!all) return UNTOLD;
  if (lost.length === all) return { sign: "!", tone: "bad", words: `${is_read ? "No phone" : "Nobody"} got it (${lost[0].error_code})` };
  if (lost.length) return { sign: "!", tone: "bad", words: `Reached ${there} of ${all} phones (${lost[0].error_code})` };
  if (receipts.every((one) => one.status === "read")) return { sign: "✓✓", tone: "read", words: "Read" };
  if (there === all) return { sign: "✓✓", tone: "plain", words: "Delivered" };
  return { sign: "✓", tone: "plain", words: there ? `Delivered to ${there} of ${all}` : "Sent" };
}

function lost(row, found) {
  const code = row.error_code ? `${row.error_code} · ` : "";
  const why = row.explanation ?? "The channel did not deliver it.";
  return [
    el("p", { class: "why" }, el("strong", {}, `${code}${row.direction === "sent" ? "unrouted" : row.status}:`), ` ${why}.`),
    el(
      "details",
      {},
      el("summary", {}, "Remedy"),
      el("p", {}, found.words),
      found.call.length > 0 && el("pre", { tabindex: "0", "aria-label": "The call" }, found.call.join("\n")),
      found.yaml.map((lines) => el("pre", { tabindex: "0", "aria-label": "In the specs" }, lines.join("\n"))),
    ),
  ];
}
