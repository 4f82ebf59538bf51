// The mask in one frame: turns a message into the pairs that routed it, lit, and the lines of specs behind them.

import { reach } from "./bubble.js";
import { el, redraw } from "./dom.js";
import { channelName, plain } from "./format.js";
import { authorOf, nameOf, senderLine, yamlLine } from "./people.js";
import { placeOf, senderName, written } from "./specs.js";

const GONE = ["failed", "undelivered"];

/** Return the part between the phones; it is told the scene and which message is looked at. */
export function route() {
  const head = el("div", { class: "told" });
  const pairs = el("ol", { class: "pairs" });
  const node = el("section", { class: "route card", "aria-labelledby": "route-title" });
  node.append(el("h2", { id: "route-title" }, "The mask"), head, pairs);

  function update({ scene: { conversation }, message, specs }) {
    redraw(head, [message, conversation.participants], () => told(conversation, message));
    const people = [...conversation.participants, ...gone(conversation, message)];
    people.sort((one, other) => Boolean(other.address) - Boolean(one.address));
    const lines = people.map((one) => written(specs, conversation, one));
    const names = people.map((one) => senderName(specs, one.proxy_address));
    redraw(pairs, [people, message, lines, names], () =>
      people.map((one, at) => pair(one, part(one, message), lines[at] ? asWritten(one, lines[at]) : asItWouldBe(one, names[at]))),
    );
  }

  return { node, update };
}

/** Return those whose pair a message went by, and who do not take part any more, as participants. */
function gone({ participants }, message) {
  if (!message) return [];
  const legs = message.receipts.map(({ participant_sid: sid, leg }) => ({ sid, leg }));
  return [...legs, { sid: message.participant_sid, leg: message.wrote }]
    .filter(({ sid, leg }) => leg && !participants.some((one) => one.sid === sid || one.address === leg.address))
    .map(({ sid, leg }) => ({ sid, address: leg.address, proxy_address: leg.sender, attributes: "{}", is_gone: true }));
}

function told(conversation, message) {
  if (!message) {
    const lonely = !conversation.participants.some((one) => one.address);
    return lonely ? invitation() : el("p", {}, "Write on a phone: the pair that carries it lights up here.");
  }
  const { sign, tone, words } = reach(message);
  const how = message.wrote ? "from a handset" : "posted by the API";
  return [
    el("p", { class: "which" }, el("strong", {}, `#${message.index} by ${authorOf(conversation, message)}`), `, ${how}`),
    el("p", { class: "ends" }, el("span", { class: "badge created" }, message.wrote ? "Taken by Twilio" : "201 Created"), " ",
      el("span", { class: `badge ${tone}` }, el("span", { "aria-hidden": "true" }, `${sign} `), words)),
  ];
}

function invitation() {
  const lines = ["participants:", '  customer: {address: "+15550100301", via: wa}', '  courier: {address: "+15550100302", via: sms}'];
  return [
    el("p", {}, "No handset takes part yet. Phones appear for participants with an address and a sender:"),
    el("pre", { tabindex: "0", "aria-label": "In the specs" }, lines.join("\n")),
  ];
}

/** Return what a participant had to do with a message: `{lit, words}`. */
function part(participant, message) {
  if (!message) return { lit: "", words: "" };
  if (participant.sid === message.participant_sid) {
    return message.wrote ? { lit: "in", words: "came in by this pair" } : { lit: "", words: "the author by name; nothing is sent back" };
  }
  const receipt = message.receipts.find((one) => one.participant_sid === participant.sid);
  if (!receipt) return { lit: "", words: formerly(participant, message) ?? unsent(participant) };
  if (GONE.includes(receipt.status)) return { lit: "lost", words: `stopped here: ${receipt.error_code} ${receipt.status}` };
  return { lit: "out", words: `went out by this pair: ${receipt.status ?? "under way"}` };
}

/** Return how a message went by a pair that a participant of the same address had before; null if it did not. */
function formerly({ address }, { wrote, receipts }) {
  if (address && wrote?.address === address) return `came in by its former pair, ${plain(wrote.sender)}`;
  const receipt = receipts.find(({ leg }) => address && leg?.address === address);
  if (!receipt) return null;
  const { status, error_code: code, leg } = receipt;
  const former = `its former pair, ${plain(leg.sender)}`;
  return GONE.includes(status) ? `stopped at ${former}: ${code} ${status}` : `went by ${former}: ${status ?? "under way"}`;
}

function unsent({ address, proxy_address: proxy }) {
  if (!address) return "reads it in the app";
  return proxy ? "not sent there" : "a member of the group, which brings it there by itself";
}

function pair(participant, { lit, words }, lines) {
  const { address, proxy_address: proxy } = participant;
  return el(
    "li",
    { class: `pair ${lit}` },
    el("p", { class: "who" },
      el("strong", {}, nameOf(participant)), " ",
      el("span", { class: "tag" }, address ? channelName(address) : participant.identity ? "chat" : "group"), " ",
      words && el("span", { class: "did" }, words, participant.is_gone && "; takes part no more")),
    address && el("p", { class: "wire" }, el("code", {}, plain(address)), wire(), el("code", {}, proxy ? plain(proxy) : "group")),
    (lit || !words) && !participant.is_gone && lines,
  );
}

/** Return the true lines of the specs that a pair comes from, each below its file and line. */
function asWritten(participant, line) {
  const both = [line, line.sender].filter(Boolean);
  return yaml(participant, both.map((one, at) => [at ? "\n" : "", quiet(`# ${at ? "its sender: " : ""}${placeOf(one)}\n`), one.text]));
}

function asItWouldBe(participant, name) {
  const { proxy_address: proxy } = participant;
  const sender = proxy && !name && `\n# senders: ${senderLine(proxy)}`;
  return yaml(participant, [quiet("# how it would be written\n"), yamlLine(participant, name || undefined), sender && quiet(sender)]);
}

function yaml(participant, content) {
  return el("pre", { class: "yaml", tabindex: "0", "aria-label": `Specs of ${nameOf(participant)}` }, content);
}

function quiet(text) {
  return el("span", { class: "sender" }, text);
}

function wire() {
  return el("span", { class: "line", role: "img", "aria-label": "paired with" });
}
