// What the drawer holds: turns events, calls of clients and resources into rows.
//
// A tab is `{name, label, node, update(given)}`. If it has a `path(rows)`, that is asked while it is open; what
// `joined(rows, answer)` makes of it stands in `given.rows`, and is what `path` gets the next time.

import { el } from "./dom.js";
import { isolated, timeOfDay } from "./format.js";
import { nameOf } from "./people.js";
import { sheet } from "./rows.js";

const SHOWN = 300;
const OVERLAP = 20;
const TELLING = ["address", "direction", "StateTo", "Status", "status", "ErrorCode", "error_code", "reason", "Author", "Body", "mode", "online"];

/** Return the tab of what happened, the latest first. */
export function timeline(actions) {
  const { node, update } = sheet({
    heads: ["#", "Time", "Event", "What it says"],
    number: (event) => event.id,
    about: ({ data }) => ({ conversation: data.ConversationSid ?? data.conversation_sid, message: data.MessageSid ?? data.message_sid }),
    cells: (event) => [timeOfDay(event.at_s), el("code", {}, event.type), says(event.data)],
    empty: "Nothing has happened yet.",
  }, actions);
  return { name: "timeline", label: "Timeline", node, update: ({ events, shown, view }) => update(events.slice(-SHOWN).reverse(), shown, view.message) };
}

function says(data) {
  const found = TELLING.filter((name) => data[name] !== undefined && data[name] !== null && data[name] !== 0 && data[name] !== "");
  const named = found.map((name) => `${name} ${isolated(String(data[name]).slice(0, 120))}`);
  return named.join(" · ") || data.UniqueName || data.Identity || data["MessagingBinding.Address"] || data.now || "";
}

/** Return the tab of the calls that clients made of Twilio, the latest first. */
export function requests(actions) {
  const { node, update } = sheet({
    heads: ["#", "Time", "Call", "With", "Answer"],
    number: (call) => call.number,
    about: ({ sids }) => ({ conversation: sids.find((sid) => sid.startsWith("CH")), message: sids.find((sid) => sid.startsWith("IM")) }),
    cells: ({ at, method, path, form, ...ended }) => [timeOfDay(at), el("code", { title: path }, `${method} ${brief(path)}`), sent(form), end(ended)],
    empty: `No client has called yet. Twilio answers at ${location.origin}/v1/…`,
  }, actions);
  return { name: "requests", label: "API requests", path: since, joined: merged, node, update: ({ rows, shown, view }) => update(rows.requests?.toReversed(), shown, view.message) };
}

/** Return what asks for the calls that are not known; a later number may have been answered before an earlier one. */
function since(calls) {
  return `requests?limit=${SHOWN}&since=${Math.max(0, (calls?.at(-1)?.number ?? 0) - OVERLAP)}`;
}

function merged(calls, latest) {
  const all = new Map([...(calls ?? []), ...latest].map((call) => [call.number, call]));
  return [...all.values()].sort((one, other) => one.number - other.number).slice(-SHOWN);
}

function brief(path) {
  return path.replace(/\b([A-Z]{2}[0-9a-f]{4})[0-9a-f]{28}\b/g, "$1…");
}

function sent(form) {
  return Object.entries(form).map(([name, values]) => `${name}=${values.join(", ")}`).join(" · ").slice(0, 300);
}

function end({ status, error_code: code }) {
  const words = status === null ? "cut" : code ? `${status} / ${code}` : String(status);
  return el("span", { class: `badge ${status !== null && status < 400 ? "created" : "bad"}` }, words);
}

/** Return the tab of what the conversation is made of. */
export function resources(actions) {
  const { node, update } = sheet({
    heads: ["#", "Kind", "Name", "SID"],
    number: (thing) => thing.number,
    about: (thing) => thing.about,
    cells: (thing) => [thing.kind, thing.name, el("code", {}, thing.sid)],
    drawn: (thing) => [thing.kind, thing.name, thing.sid],
    empty: "There is no conversation yet.",
  }, actions);
  return { name: "resources", label: "Resources", node, update: ({ scene, shown, view }) => update(things(scene.conversation), shown, view.message) };
}

function things(conversation) {
  if (!conversation) return [];
  const thing = (kind, name, sid, message) => ({ kind, name, sid, about: { conversation: conversation.sid, message } });
  const { participants, webhooks, messages, earlier } = conversation;
  return [
    thing("Conversation", conversation.unique_name ?? conversation.friendly_name ?? "", conversation.sid),
    participants.map((one) => thing("Participant", nameOf(one), one.sid)),
    webhooks.map((one) => thing("Webhook", one.url ?? one.flow_sid ?? one.target, one.sid)),
    earlier > 0 && thing("Messages", `${earlier} earlier ones are not listed`, ""),
    messages.map((one) => [
      thing("Message", `#${one.index} ${one.body ?? ""}`, one.sid, one.sid),
      one.receipts.map((receipt) => thing("Receipt", `#${one.index} ${receipt.status ?? "no status yet"}`, receipt.sid, one.sid)),
    ]),
  ].flat(3).filter(Boolean).map((one, at) => ({ ...one, number: at + 1 }));
}
