// What to do about a message that nobody got: turns a code or a reason into words and lines of specs.

import { channelName, plain } from "./format.js";
import { nameOf, specKey } from "./people.js";

const OUTSIDE_WINDOW = 63016;
const UNAPPROVED = 63027;
const OPTED_OUT = 21610;
const NOT_SHOWN = 63021;
const NOT_FILLED = 63028;

/**
 * Return `{words, call, yaml}` for a row of a handset; `call` and `yaml` are lists of lines, maybe empty.
 * `place` is where specs have the participant, "" where none do.
 */
export function remedy(row, phone, participant, place = "") {
  if (row.content_sid && [OUTSIDE_WINDOW, UNAPPROVED].includes(row.error_code)) return approval(row.content_sid);
  if (row.error_code === OUTSIDE_WINDOW) return template(phone, participant, place);
  if (row.error_code === OPTED_OUT) return only("The handset decides: it has to send START before it is written to.");
  if (row.error_code === NOT_SHOWN) return only("Add twilio/text to the types of the content: every channel can show that.");
  if (row.error_code === NOT_FILLED) return values(row.content_sid);
  if (row.reason === "closed") return successor();
  if (row.reason === "no_conversation" || row.reason === "not_ours") return membership(row, phone);
  if (row.reason === "initializing") return only("Wait until the conversation is active, then write again.");
  return only("Look at the timeline: its rows say what happened to this message.");
}

function only(words) {
  return { words, call: [], yaml: [] };
}

function template(phone, participant, place) {
  const who = participant ? nameOf(participant) : "the user";
  const key = (participant && specKey(participant)) ?? "customer";
  return {
    words: `Let ${who} write first, which opens the window for 24 hours; or post an approved template. SMS has no window.`,
    call: ["POST …/Messages", "ContentSid=HX…", 'ContentVariables={"1": "…"}'],
    yaml: [
      ...(place ? [`# ${place}`] : []),
      "participants:",
      `  ${key}:`,
      `    address: "${plain(phone.address)}"`,
      "    via: sms",
    ],
  };
}

function approval(sid) {
  return {
    words: "Outside the window this content passes once it is approved. Submit it, and say here what becomes of that.",
    call: [
      `POST …/Content/${sid}/ApprovalRequests/whatsapp`,
      '{"name": "…", "category": "UTILITY"}',
      `PUT ${location.origin}/_emulator/approvals/${sid}`,
      '{"status": "approved"}',
    ],
    yaml: [],
  };
}

function values(sid) {
  return {
    words: "Give each placeholder of the content a value, or a default where the content is made.",
    call: ["POST …/Messages", `ContentSid=${sid}`, 'ContentVariables={"1": "…"}'],
    yaml: [],
  };
}

function successor() {
  return {
    words: "A closed conversation is final. Let a successor take its place with the next apply.",
    call: [],
    yaml: ["conversations:", "  order-1042:", "    on_closed: recreate"],
  };
}

function membership(row, phone) {
  const via = channelName(phone.address) === "WhatsApp" ? "wa" : "sms";
  return {
    words: "Give this pair of numbers a conversation. Each pair stands in one open conversation only.",
    call: [],
    yaml: [
      "senders:",
      `  ${via}: "${row.sender}"`,
      "conversations:",
      "  order-1042:",
      "    participants:",
      "      customer:",
      `        address: "${plain(phone.address)}"`,
      `        via: ${via}`,
    ],
  };
}
