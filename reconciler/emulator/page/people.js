// Who is who: turns participants and their attributes into names, keys and lines of YAML.

import { channel, isolated, number } from "./format.js";

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
  const found = conversation.participants.find((one) => one.sid === message.participant_sid);
  return found ? nameOf(found) : isolated(message.author ?? "");
}

/** Return the YAML line that a participant could come from, in the words of the specs. */
export function yamlLine(participant) {
  const key = quoted(specKey(participant) ?? keyOf(nameOf(participant)));
  if (participant.identity) return `${key}: {identity: ${quoted(participant.identity)}}`;
  if (!participant.proxy_address) return `${key}: {address: "${participant.address}"}`;
  const bare = participant.address.slice(participant.address.lastIndexOf(":") + 1);
  return `${key}: {address: "${bare}", via: ${via(participant)}}`;
}

/** Return the line of `senders:` that its `via` would mean. */
export function senderLine(participant) {
  return `${via(participant)}: ${quoted(participant.proxy_address)}`;
}

function via(participant) {
  return channel(participant.proxy_address) === "whatsapp" ? "wa" : "sms";
}

function keyOf(name) {
  const key = name.toLowerCase().replace(/[^a-z0-9]+/g, "-").replace(/^-|-$/g, "");
  return /^[a-z]/.test(key) ? key : `party-${key}`;
}

function quoted(value) {
  return /^[A-Za-z][\w.-]*$/.test(value) ? value : JSON.stringify(value);
}
