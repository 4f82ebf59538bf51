// Posting as an application does: turns a form into `POST …/Messages` and shows what Twilio answered.

import { el, redraw, text } from "./dom.js";
import { nameOf } from "./people.js";

const TEMPLATE = /^HX[0-9a-f]{32}$/;
const NO_TEMPLATE = "is no SID of a template: that is HX and 32 hexadecimal digits. Nothing was posted.";

/** Return the part that posts to a conversation by the API. */
export function post(actions) {
  const author = el("select", { id: "post-author" });
  const box = el("input", { id: "post-body", autocomplete: "off", placeholder: "Text, or HX… for a template" });
  const answer = el("p", { class: "answer", role: "status" });
  const form = el(
    "form",
    { class: "post card", "aria-labelledby": "post-title" },
    el("div", { class: "as" },
      el("h2", { id: "post-title" }, "Post by the API"),
      el("label", { for: "post-author" }, "Author"), author),
    el("div", { class: "fields" },
      el("label", { for: "post-body" }, "Body"), box,
      el("button", { type: "submit" }, "POST")),
    answer,
  );
  let conversation = null;

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    text(answer, "");
    if (!box.value.trim()) return;
    try {
      const { status, body } = await actions.post(conversation, { Author: author.value, ...content(box.value.trim()) });
      text(answer, `${status} Created · ${body.sid.slice(0, 10)}… It says nothing about who got it.`);
      answer.className = "answer good";
      box.value = "";
    } catch (error) {
      text(answer, error.message);
      answer.className = "answer bad";
    }
  });

  function update({ scene }) {
    conversation = scene.conversation;
    const names = scene.conversation.participants.map((one) => [one.identity ?? one.address, nameOf(one)]);
    redraw(author, names, () =>
      [["system", "system"], ...names].filter(([value]) => value).map(([value, name]) => el("option", { value }, name)),
    );
  }

  return { node: form, update };
}

/** Return the parameter of what was written; a word that would be a template's SID, and is none, is no text either. */
function content(written) {
  if (TEMPLATE.test(written)) return { ContentSid: written };
  if (/^HX\S*$/i.test(written)) throw new Error(`${written.slice(0, 40)} ${NO_TEMPLATE}`);
  return { Body: written };
}
