// The mask in one frame: turns a message into the pairs that routed it, lit, and the lines of specs behind them.

import { reach } from "./bubble.js";
import { el, redraw } from "./dom.js";
import { channelName, plain } from "./format.js";
import { authorOf, nameOf, senderLine, yamlLine } from "./people.js";
import { placeOf, written } from "./specs.js";

const GONE = ["failed", "undelivered"];

/** Return the part between the phones; it is told the scene and which message is looked at. */
export function route() {
  const head = el("div", { class: "told" });
  const pairs = el("ol", { class: "pairs" });
  const node = el("section", { class: "route card", "aria-labelledby": "route-title" });
  node.append(el("h2", { id: "route-title" }, "The mask"), head, pairs);

  function update({ scene, message, specs }) {
    const { conversation, phones } = scene;
    const wrote = phones.some((one) => one.threads.some((thread) => thread.messages.some(isFrom(message))));
    redraw(head, [message, wrote, conversation.participants.length], () => told(conversation, message, wrote));
    const people = [...conversation.participants].sort((one, other) => Boolean(other.address) - Boolean(one.address));
    const lines = people.map((one) => written(specs, conversation, one));
    redraw(pairs, [people, message, wrote, lines], () =>
      people.map((one, at) => pair(one, part(one, message, wrote), lines[at])),
    );
  }

  return { node, update };
}

function isFrom(message) {
  return (row) => message && row.direction === "sent" && row.message_sid === message.sid;
}

function told(conversation, message, wrote) {
  if (!message) {
    const lonely = !conversation.participants.some((one) => one.address);
    return lonely ? invitation() : el("p", {}, "Write on a phone: the pair that carries it lights up here.");
  }
  const { sign, tone, words } = reach(message.receipts);
  const how = wrote ? "from a handset" : "posted by the API";
  return [
    el("p", { class: "which" }, el("strong", {}, `#${message.index} by ${authorOf(conversation, message)}`), `, ${how}`),
    el("p", { class: "ends" }, el("span", { class: "badge created" }, wrote ? "Taken by Twilio" : "201 Created"), " ",
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

/** Return what a participant had to do with a message: `{lit, words, code}`. */
function part(participant, message, wrote) {
  if (!message) return { lit: "", words: "" };
  if (participant.sid === message.participant_sid) {
    return wrote ? { lit: "in", words: "came in by this pair" } : { lit: "", words: "the author by name; nothing is sent back" };
  }
  const receipt = message.receipts.find((one) => one.participant_sid === participant.sid);
  if (!receipt) return { lit: "", words: unsent(participant) };
  if (GONE.includes(receipt.status)) return { lit: "lost", words: `stopped here: ${receipt.error_code} ${receipt.status}` };
  return { lit: "out", words: `went out by this pair: ${receipt.status ?? "under way"}` };
}

function unsent({ address, proxy_address: proxy }) {
  if (!address) return "reads it in the app";
  return proxy ? "not sent there" : "a member of the group, which brings it there by itself";
}

function pair(participant, { lit, words }, line) {
  const { address, proxy_address: proxy } = participant;
  return el(
    "li",
    { class: `pair ${lit}` },
    el("p", { class: "who" }, el("strong", {}, nameOf(participant)), " ", el("span", { class: "tag" }, address ? channelName(address) : participant.identity ? "chat" : "group")),
    address && el("p", { class: "wire" }, el("code", {}, plain(address)), wire(), el("code", {}, proxy ? plain(proxy) : "group")),
    (lit || !words) && (line ? asWritten(participant, line) : asItWouldBe(participant)),
    words && el("p", { class: "did" }, words),
  );
}

/** Return the true lines of the specs that a pair comes from, each below its file and line. */
function asWritten(participant, line) {
  const both = [line, line.sender].filter(Boolean);
  return yaml(participant, both.map((one, at) => [at ? "\n" : "", quiet(`# ${at ? "its sender: " : ""}${placeOf(one)}\n`), one.text]));
}

function asItWouldBe(participant) {
  const sender = participant.proxy_address && `\n# senders: ${senderLine(participant)}`;
  return yaml(participant, [quiet("# how it would be written\n"), yamlLine(participant), sender && quiet(sender)]);
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
