// The drawer: turns events and resources into rows; those of the message that is looked at stand out.

import { attribute, el, icon, keep, redraw } from "./dom.js";
import { timeOfDay } from "./format.js";
import { nameOf } from "./people.js";

const TABS = { timeline: "Timeline", requests: "API requests", resources: "Resources" };
const SHOWN = 300;
const TELLING = ["address", "direction", "StateTo", "Status", "status", "ErrorCode", "error_code", "reason", "Author", "Body", "mode", "online"];

/** Return the drawer: its opener and what it holds; shut until somebody opens it. */
export function drawer(actions) {
  const opener = el("button", { type: "button", class: "opener", "aria-controls": "drawer", onclick: () => actions.drawer(open ? "" : "timeline") });
  const tabs = Object.entries(TABS).map(([name, label]) => tab(name, label));
  const bar = el("div", { role: "tablist", "aria-label": "Drawer" }, tabs);
  const rows = el("tbody", {});
  const timeline = panel("timeline", table(["#", "Time", "Event", "What it says"], rows));
  const calls = el("tbody", {});
  const requested = panel("requests", table(["#", "Time", "Call", "With", "Answer"], calls));
  const stuff = el("tbody", {});
  const resources = panel("resources", table(["Kind", "Name", "SID"], stuff));
  const node = el("section", { id: "drawer", class: "drawer", "aria-label": "Drawer", hidden: true }, bar, timeline, requested, resources);
  let open = "";
  let shown = "";

  bar.addEventListener("keydown", (event) => {
    if (!["ArrowLeft", "ArrowRight"].includes(event.key)) return;
    const at = tabs.findIndex((one) => one.id === `tab-${open}`);
    const other = tabs.at((at + (event.key === "ArrowRight" ? 1 : -1)) % tabs.length);
    other.click();
    other.focus();
  });
  node.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    actions.drawer("");
    opener.focus();
  });

  function tab(name, label) {
    return el("button", { type: "button", role: "tab", id: `tab-${name}`, "aria-controls": `panel-${name}`, onclick: () => actions.drawer(name) }, label);
  }

  function update({ scene, events, requests, view, message }) {
    open = view.drawer in TABS ? view.drawer : "";
    node.hidden = !open;
    redraw(opener, events.length, () => [icon("rows"), "Timeline", el("span", { class: "count" }, String(events.length))]);
    attribute(opener, "aria-expanded", Boolean(open));
    for (const one of tabs) {
      const chosen = one.id === `tab-${open}`;
      attribute(one, "aria-selected", chosen);
      attribute(one, "tabindex", chosen ? "0" : "-1");
    }
    timeline.hidden = open !== "timeline";
    requested.hidden = open !== "requests";
    resources.hidden = open !== "resources";
    if (!open) return;
    const sought = `${open} ${view.message}`;
    const own = message ? ownOf(message) : new Set();
    keep(rows, events.slice(-SHOWN).reverse(), (one) => one.id, () => line());
    events.slice(-SHOWN).reverse().forEach((one, at) => attribute(rows.children[at], "class", isOf(one, own) ? "lit" : null));
    keep(calls, [...requests].reverse(), (one) => one.number, () => call());
    redraw(stuff, [scene.conversation, [...own]], () => (scene.conversation ? things(scene.conversation, own) : []));
    if (sought !== shown) node.querySelector("[role=tabpanel]:not([hidden]) .lit")?.scrollIntoView({ block: "center" });
    shown = sought;
  }

  return { opener, node, update };
}

function panel(name, content) {
  return el("div", { role: "tabpanel", id: `panel-${name}`, "aria-labelledby": `tab-${name}`, tabindex: "0", hidden: true }, content);
}

function table(heads, body) {
  return el("table", {}, el("thead", {}, el("tr", {}, heads.map((head) => el("th", { scope: "col" }, head)))), body);
}

function ownOf(message) {
  return new Set([message.sid, ...message.receipts.map((one) => one.channel_message_sid)]);
}

function isOf(event, own) {
  const { MessageSid, ChannelMessageSid, sid, message_sid } = event.data;
  return [MessageSid, ChannelMessageSid, sid, message_sid].some((one) => one && own.has(one));
}

function line() {
  const cells = Array.from({ length: 4 }, () => el("td", {}));
  const node = el("tr", {}, cells);
  return {
    node,
    update(event) {
      redraw(node, event.id, () => [
        el("td", {}, String(event.id)),
        el("td", {}, timeOfDay(event.at_s)),
        el("td", {}, el("code", {}, event.type)),
        el("td", {}, says(event.data)),
      ]);
    },
  };
}

function call() {
  const node = el("tr", {});
  return {
    node,
    update({ number, at, method, path, form, status, error_code: code }) {
      const sent = Object.entries(form).map(([name, values]) => `${name}=${values.join(", ")}`).join(" · ");
      const ended = status === null ? "cut" : code ? `${status} / ${code}` : String(status);
      redraw(node, number, () => [
        el("td", {}, String(number)),
        el("td", {}, timeOfDay(at)),
        el("td", {}, el("code", {}, `${method} ${path}`)),
        el("td", {}, sent.slice(0, 300)),
        el("td", {}, el("span", { class: `badge ${status !== null && status < 400 ? "created" : "bad"}` }, ended)),
      ]);
    },
  };
}

function says(data) {
  const found = TELLING.filter((name) => data[name] !== undefined && data[name] !== null && data[name] !== 0 && data[name] !== "");
  const named = found.map((name) => `${name} ${String(data[name]).slice(0, 120)}`);
  return named.join(" · ") || data.UniqueName || data.Identity || data["MessagingBinding.Address"] || data.now || "";
}

function things(conversation, own) {
  return [
    thing("Conversation", conversation.unique_name ?? conversation.friendly_name ?? "", conversation.sid, own),
    conversation.participants.map((one) => thing("Participant", nameOf(one), one.sid, own)),
    conversation.webhooks.map((one) => thing("Webhook", one.url ?? one.flow_sid ?? one.target, one.sid, own)),
    conversation.messages.map((one) => [
      thing("Message", `#${one.index} ${one.body ?? ""}`, one.sid, own),
      one.receipts.map((receipt) => thing("Receipt", `#${one.index} ${receipt.status ?? "no status yet"}`, receipt.sid, new Set(own.has(one.sid) ? [receipt.sid] : []))),
    ]),
  ].flat(3);
}

function thing(kind, name, sid, own) {
  return el("tr", { class: own.has(sid) ? "lit" : null }, el("td", {}, kind), el("td", {}, name), el("td", {}, el("code", {}, sid)));
}
