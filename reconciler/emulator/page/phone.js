// One handset: turns what the emulator knows of it into a screen that one can hold and write on.

import { bubble } from "./bubble.js";
import { attribute, el, icon, keep, redraw, text } from "./dom.js";
import { channel, duration, number } from "./format.js";
import { nameOf, othersOf } from "./people.js";

const SOON_S = 2 * 3600;

/** Return the part of one handset `{phone, conversation, participant, view, now_s, compact}`. */
export function phone(item, actions) {
  const address = item.phone.address;
  const id = `phone-${address.replace(/\W/g, "")}`;
  let latest = item;
  let chosen = "";
  let sought = "";
  let is_at_end = true;
  let height_px = 0;

  const owner = el("h2", { id });
  const line = el("p", { class: "own" });
  const reach = el("button", { type: "button", role: "switch", class: "small", onclick: () => tried(() => actions.reach(latest.phone)) });
  const thread = el("select", { "aria-label": "Thread", onchange: choose });
  const peer = el("div", { class: "peer" });
  const reveal = el("button", { type: "button", role: "switch", class: "small reveal", onclick: () => actions.reveal(address) });
  const windowLine = el("p", { class: "window" });
  const list = el("ol", {});
  const earlier = el("p", { class: "earlier" });
  const log = el("div", { class: "messages", role: "log", tabindex: "0" }, earlier, list);
  const wrong = el("p", { class: "wrong", role: "alert" });
  const box = el("textarea", { rows: "1", "aria-labelledby": `${id}-write`, placeholder: "Message" });
  const write = el("form", { class: "composer" });
  const tools = el("div", { class: "tools" });

  write.append(
    el("label", { id: `${id}-write`, class: "unseen" }),
    box,
    el("button", { type: "submit", class: "send", "aria-label": "Send" }, icon("send")),
  );
  write.addEventListener("submit", (event) => {
    event.preventDefault();
    send();
  });
  box.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
      event.preventDefault();
      send();
    }
  });
  log.addEventListener("keydown", roam);
  log.addEventListener("scroll", () => {
    if (log.clientHeight === height_px) is_at_end = log.scrollTop + height_px >= log.scrollHeight - 4;
  });
  new ResizeObserver(() => {
    height_px = log.clientHeight;
    if (is_at_end) log.scrollTop = log.scrollHeight; // the latest stays in sight
  }).observe(log);

  const screen = el(
    "div",
    { class: "screen" },
    el("header", { class: "chat" }, el("span", { class: "avatar", "aria-hidden": "true" }, icon("mask")), peer, reveal),
    windowLine,
    log,
    wrong,
    write,
  );
  const node = el(
    "article",
    { "aria-labelledby": id },
    el("header", { class: "owner" }, el("div", {}, owner, line), thread, tools),
    screen,
  );
  tools.append(reach);
  const read = el("button", { type: "button", class: "small", onclick: () => deed("read") }, "Mark read");
  const stop = el("button", { type: "button", class: "small", onclick: optOut });
  tools.append(channel(address) === "whatsapp" ? read : stop);

  function current() {
    const { threads } = latest.phone;
    const own = latest.participant?.proxy_address;
    return (
      threads.find((one) => one.sender === chosen) ??
      threads.find((one) => one.conversation_sid === latest.conversation.sid) ??
      threads.find((one) => one.sender === own) ??
      threads[0]
    );
  }

  function choose() {
    chosen = thread.value;
    const { conversation_sid: sid } = current();
    if (sid && sid !== latest.conversation.sid) actions.show(sid); // which forgets what was chosen
    else update(latest);
  }

  async function tried(call) {
    text(wrong, "");
    try {
      await call();
      return true;
    } catch (error) {
      text(wrong, error.message);
      return false;
    }
  }

  async function send() {
    const body = box.value;
    const to = current()?.sender.split(",");
    if (!body.trim() || !to) return;
    if (await tried(() => written(to, body))) box.value = "";
    box.focus();
  }

  async function written(to, body) {
    if (!latest.phone.online) throw new Error("This handset is offline. Press “Offline” above to bring it back, then write.");
    await actions.send(address, to, body);
  }

  function optOut() {
    const shown = current();
    if (shown?.opted_out) tried(() => written([shown.sender], "START"));
    else deed("stop");
  }

  function deed(name) {
    tried(() => actions.deed(name, address, current()?.sender));
  }

  function roam(event) {
    const step = { ArrowUp: -1, ArrowDown: 1 }[event.key];
    const all = [...list.querySelectorAll(".bubble")];
    const at = all.indexOf(document.activeElement);
    if (!step || !all.length || document.activeElement.closest(".note")) return;
    event.preventDefault();
    all[at < 0 ? all.length - 1 : Math.min(all.length - 1, Math.max(0, at + step))].focus();
  }

  function update(next) {
    if (next.conversation.sid !== latest.conversation.sid) chosen = "";
    latest = next;
    const { participant, view, compact } = next;
    const shown = current();
    const rows = shown?.messages ?? [];
    node.className = `phone ${channel(address)}${compact ? " compact" : ""}${next.phone.online ? "" : " offline"}`;
    text(owner, participant ? nameOf(participant) : number(address));
    text(line, `${number(address)} · ${channel(address) === "whatsapp" ? "WhatsApp" : "SMS"}`);
    attribute(reach, "aria-checked", next.phone.online);
    text(reach, next.phone.online ? "Online" : "Offline");
    text(stop, shown?.opted_out ? "Send START" : "Send STOP");
    earlier.hidden = !shown?.earlier;
    text(earlier, `${shown?.earlier} earlier ones are not shown`);
    text(write.firstChild, `Message from ${owner.textContent}`);
    attribute(log, "aria-label", `Messages of ${owner.textContent}`);
    threadsIn(thread, next.phone.threads, shown);
    header(next, shown, view.revealed.split(" ").includes(address));
    windowIn(next, shown);
    const before = list.childElementCount;
    const selected = rows.findLast((row) => row.message_sid && row.message_sid === view.message);
    const first = selected ?? rows[rows.length - 1]; // one tab stop a phone; arrows lead to the others
    const items = rows.map((row) => ({ ...next, row, selected: row === selected, is_stop: row === first }));
    keep(list, items, (one) => one.row.sid, (one) => bubble(one, actions));
    if (list.childElementCount > before) log.scrollTop = log.scrollHeight;
    if (view.message !== sought) seek(list.children[rows.indexOf(selected)]);
    sought = view.message;
  }

  function seek(line) {
    if (!line) return;
    const [top, bottom] = [line.offsetTop - log.scrollTop, line.offsetTop + line.offsetHeight - log.scrollTop];
    if (top < 0 || bottom > log.clientHeight) log.scrollTop = line.offsetTop - 12;
  }

  function header(next, shown, revealed) {
    const is_here = shown?.conversation_sid === next.conversation.sid || shown?.sender === next.participant?.proxy_address;
    const others = is_here ? othersOf(next.conversation, address) : [];
    const is_group = shown?.sender.includes(",") ?? false;
    const masked = is_group ? "a group: its members see each other" : "real peer hidden";
    redraw(peer, [shown?.sender, revealed, others], () => [
      el("strong", {}, shown ? number(shown.sender) : "Nobody yet"),
      el("span", { class: revealed ? "real" : "masked" }, revealed ? (others.length ? others.map(person) : "nobody else") : masked),
    ]);
    reveal.hidden = is_group;
    attribute(reveal, "aria-checked", revealed);
    redraw(reveal, 1, () => [icon("eye"), "Reveal"]);
  }

  function windowIn(next, shown) {
    const { words, state } = windowOf(shown, next.now_s, next.ahead_s);
    attribute(windowLine, "data-state", state);
    text(windowLine, words);
  }

  return { node, update };
}

function person(participant) {
  const address = participant.address ?? participant.projected_address;
  return el("span", { class: "person" }, el("span", {}, nameOf(participant)), ` ${address ? number(address) : "(chat)"} `);
}

function threadsIn(select, threads, shown) {
  select.hidden = threads.length < 2;
  redraw(select, threads.map((one) => one.sender), (senders) =>
    senders.map((sender) => el("option", { value: sender }, number(sender))),
  );
  if (shown && select.value !== shown.sender) select.value = shown.sender;
}

/** Return what a thread's 24-hour window is at a moment that may lie ahead. */
export function windowOf(thread, now_s, ahead_s) {
  if (thread?.opted_out) return { state: "shut", words: "Stopped: this handset has sent STOP" };
  if (!thread?.window) return { state: "none", words: "SMS has no window" };
  const { ends_s } = thread.window;
  if (ends_s === null) return { state: "shut", words: "Window never opened: only templates pass" };
  const left_s = ends_s - now_s - ahead_s;
  const then = ahead_s ? " then" : "";
  if (left_s <= 0) return { state: ahead_s ? "shutting" : "shut", words: `Window shut${then}: only templates pass` };
  return { state: left_s < SOON_S ? "soon" : "open", words: `Window open${then}: shuts in ${duration(left_s)}` };
}
