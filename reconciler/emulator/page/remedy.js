// What to do about a message that nobody got: turns a code or a reason into words and lines of specs.

import { lacksSms, membership, overSms, successor } from "./mend.js";
import { nameOf } from "./people.js";

const OUTSIDE_WINDOW = 63016;
const UNAPPROVED = 63027;
const OPTED_OUT = 21610;
const NOT_SHOWN = 63021;
const NOT_FILLED = 63028;

/**
 * Return `{words, call, yaml}` for `{row, phone, conversation, participant, specs}`, a row of a handset; `call` is a
 * list of lines, `yaml` a list of such lists, one for each place in the specs; both maybe empty.
 */
export function remedy(item) {
  const { row } = item;
  if (row.content_sid && [OUTSIDE_WINDOW, UNAPPROVED].includes(row.error_code)) return approval(row.content_sid);
  if (row.error_code === OUTSIDE_WINDOW) return template(item);
  if (row.error_code === OPTED_OUT) return only("The handset decides: it has to send START before it is written to.");
  if (row.error_code === NOT_SHOWN) return only("Add twilio/text to the types of the content: every channel can show that.");
  if (row.error_code === NOT_FILLED) return values(row.content_sid);
  if (row.reason === "closed") return again(item);
  if (row.reason === "no_conversation" || row.reason === "not_ours") return paired(item);
  if (row.reason === "initializing") return only("Wait until the conversation is active, then write again.");
  return only("Look at the timeline: its rows say what happened to this message.");
}

function only(words) {
  return { words, call: [], yaml: [] };
}

function template(item) {
  const who = item.participant ? nameOf(item.participant) : "the user";
  const lack = lacksSms(item) ? " This stack has no sender for it yet." : "";
  return {
    words: `Let ${who} write first, which opens the window for 24 hours; or post an approved template. SMS has no window.${lack}`,
    call: ["POST …/Messages", "ContentSid=HX…", 'ContentVariables={"1": "…"}'],
    yaml: overSms(item),
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

function again(item) {
  const is_here = item.conversation.state === "closed"; // else it is another one that was closed
  return {
    words: "A closed conversation is final. Let a successor take its place with the next apply.",
    call: [],
    yaml: is_here ? successor(item) : [],
  };
}

function paired(item) {
  const is_group = item.row.sender.includes(",");
  if (is_group) return only("No open conversation has this group. Add its members as participants with an address alone.");
  const own = item.row.reason === "not_ours" ? "The account has to own this number first. " : "";
  return {
    words: `${own}Give this pair of numbers a conversation. Each pair stands in one open conversation only.`,
    call: [],
    yaml: membership(item),
  };
}
