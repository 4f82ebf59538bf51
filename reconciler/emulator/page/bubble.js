// One message on a handset: turns a row of the channel into a bubble with its ticks in words.

import { attribute, el, redraw } from "./dom.js";
import { timeOfDay } from "./format.js";
import { remedy } from "./remedy.js";
import { placeOf, written } from "./specs.js";

const GONE = ["failed", "undelivered"];

/** Return the part of one row `{row, phone, conversation, participant, selected, is_stop}`. */
export function bubble(item, actions) {
  const press = el("button", { type: "button", class: "bubble", onclick: () => actions.select(latest.row.message_sid) });
  const buttons = el("div", { class: "buttons" });
  const note = el("div", { class: "note" });
  const node = el("li", { "data-sid": item.row.sid }, press, buttons, note);
  let latest = item;

  function update(next) {
    latest = next;
    const { row, selected } = next;
    const told = fate(next);
    node.className = `${row.direction} ${told.tone}`;
    attribute(press, "aria-pressed", selected);
    attribute(press, "tabindex", next.is_stop ? "0" : "-1");
    redraw(press, [row.body, row.media, row.subject, told, row.date], () => content(row, told));
    redraw(buttons, [row.content, told.tone], () => (told.tone === "there" ? offered(next, actions) : []));
    buttons.hidden = !buttons.childElementCount;
    const place = placeIn(next);
    redraw(note, [told.tone, row.error_code, row.reason, row.explanation, place], () =>
      told.tone === "lost" ? lost(next, place) : [],
    );
    note.hidden = told.tone !== "lost";
  }

  return { node, update };
}

function content(row, told) {
  return [
    row.subject && el("strong", { class: "subject" }, row.subject),
    el("span", { class: "body", dir: "auto" }, row.body ?? (row.content_sid ? `Template ${row.content_sid}` : "")),
    row.media.map((one) => el("span", { class: "media" }, `📎 ${one.filename ?? one.content_type}`)),
    el("span", { class: "ticks" }, el("span", { class: "when" }, timeOfDay(row.date)), " ", told.mark, " ", told.words),
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

function placeIn({ specs, conversation, participant }) {
  const found = participant && written(specs, conversation, participant);
  return found ? placeOf(found) : "";
}

function mark(sign, tone) {
  return el("span", { class: `mark ${tone}`, "aria-hidden": "true" }, sign);
}

/** Return how a row ended so far: `{tone, mark, words}`; tone is lost, waiting or there. */
export function fate({ row, conversation }) {
  if (row.direction === "received") return arrival(row);
  const message = conversation?.messages.find((one) => one.sid === row.message_sid);
  if (!row.message_sid) return { tone: "lost", mark: mark("!", "bad"), words: "Nobody got this" };
  const { words, sign, tone } = reach(message?.receipts ?? []);
  return { tone: "there", mark: mark(sign, tone), words };
}

function arrival(row) {
  if (GONE.includes(row.status)) return { tone: "lost", mark: mark("!", "bad"), words: "Never arrived" };
  if (row.reason === "keyword_reply") return { tone: "there", mark: mark("✓", "plain"), words: "Twilio's own reply" };
  if (row.status === "read") return { tone: "there", mark: mark("✓✓", "read"), words: "Read" };
  if (row.status === "delivered") return { tone: "there", mark: mark("✓✓", "plain"), words: "Delivered" };
  return { tone: "waiting", mark: mark("◷", "plain"), words: "Waiting: not delivered yet" };
}

/** Return in words how far a message got with those it was meant for. */
export function reach(receipts) {
  const all = receipts.length;
  const lost = receipts.filter((one) => GONE.includes(one.status));
  const there = receipts.filter((one) => ["delivered", "read"].includes(one.status)).length;
  if (!all) return { sign: "✓", tone: "plain", words: "In the conversation" };
  if (lost.length === all) return { sign: "!", tone: "bad", words: `Nobody got it (${lost[0].error_code})` };
  if (lost.length) return { sign: "!", tone: "bad", words: `Reached ${there} of ${all} (${lost[0].error_code})` };
  if (receipts.every((one) => one.status === "read")) return { sign: "✓✓", tone: "read", words: "Read" };
  if (there === all) return { sign: "✓✓", tone: "plain", words: "Delivered" };
  return { sign: "✓", tone: "plain", words: there ? `Delivered to ${there} of ${all}` : "Sent" };
}

function lost({ row, phone, participant }, place) {
  const found = remedy(row, phone, participant, place);
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
      found.yaml.length > 0 && el("pre", { tabindex: "0", "aria-label": "In the specs" }, found.yaml.join("\n")),
    ),
  ];
}
