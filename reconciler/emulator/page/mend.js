// Lines of specs that mend: turns what specs say, under their own names, into the lines to put in their place.
//
// Each function gives pieces, which are lists of lines: one for each place where something is to be written. A comment
// names the place; where no specs made a thing, it says that this is how it would be written.

import { channel, plain } from "./format.js";
import { keyFor, keyOf, quoted, senderLine, shortName } from "./people.js";
import { placeOf, senderName, written } from "./specs.js";

const GUESSED = "# how it would be written";
const OURS = "+15550100299";
const VIA = /(\bvia["']?:\s*)("[^"]*"|'[^']*'|\$\{[^}]*\}|[^\s,}#]+)/g;
const FLOW = /^([^#{]*:\s*\{)\s*/;

/** Return what makes a participant one that is reached over SMS: its block, and the sender where the stack has none. */
export function overSms({ phone, conversation, participant, specs }) {
  const place = participant && written(specs, conversation, participant);
  const [known] = Object.entries(specs.senders).find(([, one]) => one.channel === "sms") ?? [];
  const name = known ?? free("sms", specs.senders);
  const lines = place ? [`# ${placeOf(place)}`, through(place.text, name, participant)] : guessed(conversation, participant, phone, name);
  const line = `${senderLine(OURS, name)} # an SMS number of yours`;
  if (known) return [lines];
  const last = Object.values(specs.senders).at(-1);
  return last ? [lines, [`# below ${placeOf(last)}`, line]] : [[lines[0], "senders:", `  ${line}`, ...lines.slice(1)]];
}

/** Tell whether the stack is known, and has no sender for SMS. */
export function lacksSms({ specs }) {
  return Boolean(specs.stack) && !Object.values(specs.senders).some((one) => one.channel === "sms");
}

/** Return what lets a closed conversation have a successor. */
export function successor({ conversation, specs }) {
  const place = written(specs, conversation);
  const policy = "on_closed: recreate";
  if (!place) return [[GUESSED, "conversations:", `  ${nameFor(conversation)}:`, `    ${policy}`]];
  const flow = FLOW.exec(place.text);
  if (!flow) return [[`# ${placeOf(place)}`, place.text, `  ${policy}`]];
  const rest = place.text.slice(flow[0].length);
  return [[`# ${placeOf(place)}`, `${flow[1]}${policy}${rest.startsWith("}") ? "" : ", "}${rest}`]];
}

/** Return what gives a handset, and the sender that it wrote to, a conversation of their own: a file of the stack. */
export function membership({ row, phone, participant, specs }) {
  const known = senderName(specs, row.sender);
  const name = known || free(shortName(row.sender), specs.senders);
  const who = participant ? keyFor(participant) : "customer";
  const taken = Object.fromEntries(Object.keys(specs.places).map((one) => [one.split("/")[1], true]));
  const senders = known ? [] : ["senders:", `  ${senderLine(row.sender, name)}`];
  const place = specs.stack ? `# a new file of ${specs.stack}` : GUESSED;
  return [[place, ...senders, "conversations:", `  ${free(`${who}-${name}`, taken)}:`, "    participants:", ...party(who, phone, name)]];
}

/** Return the block of a participant as it is written, but through another sender. */
function through(text, name, participant) {
  if ([...text.matchAll(VIA)].length === 1) return text.replace(VIA, (_, before) => before + quoted(name));
  return [`${keyFor(participant)}:`, `  address: "${plain(participant.address)}"`, `  via: ${quoted(name)}`].join("\n");
}

function guessed(conversation, participant, phone, name) {
  const who = participant ? keyFor(participant) : "customer";
  return [GUESSED, "conversations:", `  ${nameFor(conversation)}:`, "    participants:", ...party(who, phone, name)];
}

function party(key, phone, name) {
  return [`      ${key}:`, `        address: "${plain(phone.address)}"`, `        via: ${quoted(name)}`];
}

function nameFor({ unique_name, friendly_name }) {
  return keyOf(unique_name || friendly_name || "", "conversation");
}

/** Return a name, with a figure behind it where it is taken. */
function free(name, taken) {
  const names = [name, ...Object.keys(taken).map((_, at) => `${name}-${at + 2}`)];
  return names.find((one) => !(one in taken)) ?? name;
}
