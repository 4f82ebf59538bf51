// The calls Twilio makes: turns deliveries into rows that say what became of each, and makes one again.

import { el } from "./dom.js";
import { timeOfDay } from "./format.js";
import { sheet } from "./rows.js";

const SHOWN = 200;
const STATES = { waiting: "waiting", under_way: "under way", answered: "answered", failed: "failed", not_sent: "not sent" };

/** Return the tab of the webhooks that were called, or were not, the latest first. */
export function webhooks(actions) {
  const { node, update } = sheet({
    heads: ["#", "Time", "Event", "To", "What became of it", "Again"],
    number: (delivery) => Number(delivery.id.slice(1)),
    about: ({ parameters }) => ({ conversation: parameters.ConversationSid, message: parameters.MessageSid }),
    cells: (delivery) => [timeOfDay(delivery.at_s), el("code", {}, delivery.event), receiver(delivery), fate(delivery), again(delivery, actions)],
    drawn: ({ id, state }) => [id, state],
    empty: "No webhook has been due yet. Calls by REST call none, unless they say X-Twilio-Webhook-Enabled: true; handsets and timers do.",
  }, actions);
  return { name: "webhooks", label: "Webhooks", path: () => `webhooks?limit=${SHOWN}`, joined: (_, latest) => latest, node, update: ({ rows, shown, view }) => update(rows.webhooks?.toReversed(), shown, view.message) };
}

function receiver({ level, target, request, webhook_sid: sid, replay_of: first, parameters, signature }) {
  const whose = target === "webhook" ? `webhook of the ${level}` : `${target} of the ${level}`;
  const where = request ? `${request.method} ${request.url}` : sid;
  const said = Object.entries(parameters).map(([name, value]) => `${name}=${value}`);
  return [
    el("code", {}, where),
    el("p", { class: "whose" }, whose, first && ` · replay of #${first.slice(1)}`),
    details("What it says", [...said, ...(signature ? [`X-Twilio-Signature: ${signature}`] : [])]),
  ];
}

function fate({ state, reason, error_code: code, answer, duration_s: took_s }) {
  const tone = { answered: answer?.status < 400 ? "created" : "bad", failed: "bad", not_sent: "warn" }[state] ?? "";
  const took = took_s === null ? "" : ` in ${Math.round(took_s * 1000)} ms`;
  return [
    el("span", { class: `badge ${tone}` }, answer ? `${answer.status}${took}` : STATES[state]),
    (reason || code) && el("p", { class: "whose" }, [code, reason].filter(Boolean).join(": ")),
    answer?.body && details("What was answered", [answer.body]),
  ];
}

function details(title, lines) {
  return el("details", {}, el("summary", {}, title), el("pre", { tabindex: "0", "aria-label": title }, lines.join("\n")));
}

function again({ id, event }, actions) {
  return el("button", { type: "button", class: "small", "aria-label": `Replay ${event} #${id.slice(1)}`, onclick: () => actions.replay(id) }, "Replay");
}
