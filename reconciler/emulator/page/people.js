// Who is who: turns participants and their attributes into names, keys and lines of YAML.

import { channel, isolated, number, plain } from "./format.js";

function attributesOf(participant) {
  try {
    const found = JSON.parse(participant.attributes);
    return found && typeof found === "object" ? found : {};
  } catch {
    return {};
  }
}

/** Return the mark that `reconciler` left in the attributes of what it made: `{o: stack, e: environment, k: key}`. */
export function markOf(thing) {
  const mark = attributesOf(thing).reconciler;
  return mark && typeof mark === "object" && typeof mark.k === "string" ? mark : null;
}

/** Return the key of a thing in its specs, as whoever created it left it in its attributes; null without one. */
export function specKey(participant) {
  return markOf(participant)?.k || null;
}

/** Return what a participant is called: its key, role or identity, else its number. */
export function nameOf(participant) {
  const role = attributesOf(participant).role;
  const known = specKey(participant) ?? (typeof role === "string" && role ? role : null);
  return isolated(known ?? participant.identity ?? number(participant.address ?? participant.projected_address));
}

/** Return the participant of a handset in a conversation, null for none. */
export function participantOf(conversation, address) {
  return conversation?.participants.find((one) => one.address === address) ?? null;
}

/** Return who is really behind a masked sender, as one handset sees it: everybody else. */
export function othersOf(conversation, address) {
  return (conversation?.participants ?? []).filter((one) => one.address !== address);
}

/** Return the author of a message by name; `system` and free texts are themselves. */
export function authorOf(conversation, message) {
  const { participant_sid: sid, wrote } = message;
  const { participants } = conversation;
  const found = participants.find((one) => one.sid === sid) ?? (wrote && participantOf(conversation, wrote.address));
  return found ? nameOf(found) : isolated(message.author ?? "");
}

/** Return the YAML line that a participant could come from; `via` is what its sender is called. */
export function yamlLine(participant, via = shortName(participant.proxy_address)) {
  const key = quoted(keyFor(participant));
  if (participant.identity) return `${key}: {identity: ${quoted(participant.identity)}}`;
  if (!participant.proxy_address) return `${key}: {address: "${participant.address}"}`;
  return `${key}: {address: "${plain(participant.address)}", via: ${quoted(via)}}`;
}

/** Return the line of `senders:` for an address of ours, by that name. */
export function senderLine(address, name = shortName(address)) {
  return `${quoted(name)}: ${quoted(address)}`;
}

/** Return what a sender would be called where no specs name it. */
export function shortName(address) {
  return channel(address) === "whatsapp" ? "wa" : "sms";
}

/** Return the key of a participant in specs: the one it has, else one of what it is called. */
export function keyFor(participant) {
  return specKey(participant) ?? keyOf(nameOf(participant), "party");
}

/** Return a name as a key of specs; `kind` comes before what does not begin with a letter. */
export function keyOf(name, kind) {
  const key = name.toLowerCase().replace(/[^a-z0-9]+/g, "-").replace(/^-|-$/g, "");
  return /^[a-z]/.test(key) ? key : [kind, key].filter(Boolean).join("-");
}

/** Return a text as YAML takes it: bare where it can be. */
export function quoted(value) {
  return /^[A-Za-z][\w.-]*$/.test(value) ? value : JSON.stringify(value);
}
