// The scenario: turns what was played in a conversation into a file that `reconciler test` plays again.

import { admin } from "./api.js";
import { attribute, el, icon, text } from "./dom.js";

const SAID_MS = 12_000;

/** Return the button that saves the conversation which is shown, and the line that says what became of it. */
export function saver() {
  const node = el("button", { type: "button", class: "brief", title: "Save as scenario", onclick: save }, icon("file"), el("span", {}, "Save as scenario"));
  const said = el("span", { class: "said", role: "status" });
  let sid = "";
  let timer = 0;

  async function save() {
    attribute(node, "disabled", true);
    try {
      const found = await admin(`scenario?conversation=${encodeURIComponent(sid)}`);
      handed(found);
      const missing = found.notes.length ? ` Not in it: ${found.notes.join("; ")}.` : "";
      tell(`Saved ${found.file}, ${found.steps} ${found.steps === 1 ? "step" : "steps"}.${missing}`);
    } catch (error) {
      tell(`No scenario: ${error.message}`);
    } finally {
      attribute(node, "disabled", false);
      node.focus();
    }
  }

  function tell(words) {
    text(said, words);
    clearTimeout(timer);
    timer = setTimeout(() => text(said, ""), SAID_MS);
  }

  function update({ scene }) {
    node.hidden = !scene.conversation;
    sid = scene.conversation?.sid ?? "";
  }

  return { node, said, update };
}

/** Give a file to whoever looks at the page. */
function handed(found) {
  const href = URL.createObjectURL(new Blob([found.text], { type: "application/yaml" }));
  el("a", { href, download: found.file }).click();
  setTimeout(() => URL.revokeObjectURL(href), SAID_MS);
}
