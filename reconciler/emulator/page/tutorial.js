// The tutorial in four chapters: turns a press of a button into the calls that Twilio's guide makes, one by one.

import { admin, twilio } from "./api.js";

const WA = "whatsapp:+15550100250";
const SMS = "+15550100251";
const ROBERT = "whatsapp:+15550100351";
const ALICIA = "+15550100352";
const RIDER = "whatsapp:+15550100354";
const EATER = "whatsapp:+15550100353";
const NAMES = { [ROBERT]: "customer", [ALICIA]: "courier", [RIDER]: "courier", [EATER]: "customer" };
const INVITE = "Hello Robert, your food delivery is almost there but Alicia (your rider) needs help finding your door. Are you willing to chat with them?";
const FIRST = "tutorial-sms-to-whatsapp";
const SECOND = "tutorial-two-whatsapp";

/** The chapters: `play(call)` makes the calls and returns the sid of the conversation to look at. */
export const CHAPTERS = [
  {
    title: "Two people, one mask",
    text: "A customer on WhatsApp and a courier on SMS. Three calls make the conversation; each person knows one number, and it is yours.",
    deed: "Create the conversation",
    play: (call) => pattern(call, FIRST, "SMS-to-WhatsApp Example", [["customer", ROBERT, WA], ["courier", ALICIA, SMS]]),
  },
  {
    title: "Say hello",
    text: "The customer writes first. That opens WhatsApp's 24-hour window, and the courier sees the message from your SMS number.",
    deed: "Let them talk",
    async play(call) {
      const sid = await CHAPTERS[0].play(call);
      await call.phone("send", { from: ROBERT, to: WA, body: "Hi! Where is my pizza?" });
      await call.phone("send", { from: ALICIA, to: SMS, body: "At your door. Which bell is it?" });
      await call.phone("read", { address: ROBERT });
      return sid;
    },
  },
  {
    title: "The message nobody got",
    text: "Now both are on WhatsApp. While the customer has not written within a day, an invitation reaches nobody. Post it: Twilio says 201 Created. Look at who got it.",
    deed: "Post the invitation",
    async play(call) {
      const people = [["customer", EATER, WA], ["courier", RIDER, WA]];
      const sid = await pattern(call, SECOND, "Two on WhatsApp", people);
      await call.twilio("POST", `Conversations/${sid}/Messages`, { Author: RIDER, Body: INVITE });
      return sid;
    },
  },
  {
    title: "Drag tomorrow",
    text: "Each has to write once before both can read: that opens the windows. Then pull the ruler below 25 hours to the right, watch them shut, and write again.",
    deed: "Open the windows",
    async play(call) {
      const people = [["customer", EATER, WA], ["courier", RIDER, WA]];
      const sid = await pattern(call, SECOND, "Two on WhatsApp", people);
      await call.phone("send", { from: EATER, to: WA, body: "Hello? Which door are you at?" });
      await call.phone("send", { from: RIDER, to: WA, body: "The blue one." });
      await call.phone("send", { from: EATER, to: WA, body: "Coming down!" });
      return sid;
    },
  },
];

/** Return what chapters call with in a scene: each call is told as `{what, status}` before the next is made. */
export function caller({ account, conversations }, tell) {
  return {
    async twilio(method, path, form) {
      const { status, body } = await twilio(account, method, path, form);
      tell({ what: `${method} ${path}`, status });
      return body;
    },
    async phone(deed, body) {
      await admin(`phones/${deed}`, body);
      const who = NAMES[body.from ?? body.address];
      tell({ what: deed === "send" ? `${who}: “${body.body}”` : `${who} reads it`, status: "" });
    },
    made: (name) => conversations.find((one) => one.unique_name === name && one.state !== "closed")?.sid ?? null,
  };
}

async function pattern(call, unique_name, friendly_name, people) {
  const known = call.made(unique_name);
  if (known) return known;
  const { sid } = await call.twilio("POST", "Conversations", { UniqueName: unique_name, FriendlyName: friendly_name });
  for (const [role, address, proxy] of people) {
    await call.twilio("POST", `Conversations/${sid}/Participants`, {
      "MessagingBinding.Address": address,
      "MessagingBinding.ProxyAddress": proxy,
      Attributes: JSON.stringify({ role }),
    });
  }
  return sid;
}
