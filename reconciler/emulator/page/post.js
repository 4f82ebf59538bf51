// Posting as an application does: turns a form into `POST …/Messages` and shows what Twilio answered.

import { el, redraw, text } from "./dom.js";
import { nameOf } from "./people.js";

const TEMPLATE = /^HX[0-9a-f]{32}$/;

/** Return the part that posts to a conversation by the API. */
export function post(actions) {
  const author = el("select", { id: "post-author" });
  const box = el("input", { id: "post-body", autocomplete: "off", placeholder: "Text, or HX… for a template" });
  const answer = el("p", { class: "answer", role: "status" });
  const form = el(
    "form",
    { class: "post card", "aria-labelledby": "post-title" },
    el("h2", { id: "post-title" }, "Post by the API"),
    el("div", { class: "fields" },
      el("label", { for: "post-author" }, "Author"), author,
      el("label", { for: "post-body" }, "Body"), box,
      el("button", { type: "submit" }, "POST")),
    answer,
  );
  let sid = "";

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (!box.value.trim()) return;
    try {
      const { status, body } = await actions.post(sid, { Author: author.value, ...content(box.value.trim()) });
      text(answer, `${status} Created · ${body.sid.slice(0, 10)}… It says nothing about who got it.`);
      answer.className = "answer good";
      box.value = "";
    } catch (error) {
      text(answer, error.message);
      answer.className = "answer bad";
    }
  });

  function update({ scene }) {
    sid = scene.conversation.sid;
    const names = scene.conversation.participants.map((one) => [one.identity ?? one.address, nameOf(one)]);
    redraw(author, names, () =>
      [["system", "system"], ...names].filter(([value]) => value).map(([value, name]) => el("option", { value }, name)),
    );
  }

  return { node: form, update };
}

function content(written) {
  return TEMPLATE.test(written) ? { ContentSid: written } : { Body: written };
}
