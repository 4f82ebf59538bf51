// The picture: turns the stage, as it is seen, into a PNG that one can paste.
//
// The stage is copied into an SVG, with the rules of style that hold now, and that is painted; nothing is loaded. A
// picture is handed on, so numbers that the page does not reveal are dots in it; our own senders are the mask, and stay.

import { attribute, el, icon, svg, text } from "./dom.js";
import { number, plain } from "./format.js";

const EDGE_PX = 18;
const SAID_MS = 8000;
const NO_XML = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g;

/** Return the button that copies a picture of `stage`, and the line that says what became of it. */
export function copier(stage) {
  const node = el("button", { type: "button", class: "brief", title: "Copy picture", onclick: copy }, icon("picture"), el("span", {}, "Copy picture"));
  const said = el("span", { class: "said", role: "status" });
  let hidden = [];
  let timer = 0;

  async function copy() {
    attribute(node, "disabled", true);
    try {
      tell((await handed(painted(stage, hidden))) === "copied" ? "Picture copied" : "The clipboard is refused: picture saved as a file");
    } catch (error) {
      tell(`No picture: ${error.message}`);
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

  function update({ scene, view }) {
    node.hidden = !scene.conversation;
    hidden = hiddenOf(scene, view.revealed.split(" ").filter(Boolean));
  }

  return { node, said, update };
}

/** Return the addresses that no handset on the page reveals: everybody's, but those behind a mask that was lifted. */
function hiddenOf({ conversation, phones }, revealed) {
  const all = new Set([...(conversation?.participants ?? []), ...phones].map((one) => one.address).filter(Boolean));
  return [...all].filter((address) => !revealed.some((one) => one !== address));
}

/** Put a picture on the clipboard, or into a file where that is refused; return `copied` or `saved`. */
async function handed(picture) {
  try {
    await navigator.clipboard.write([new ClipboardItem({ "image/png": picture })]);
    return "copied";
  } catch {
    const href = URL.createObjectURL(await picture); // which says what is wrong, if it is the picture
    el("a", { href, download: "conversation.png" }).click();
    setTimeout(() => URL.revokeObjectURL(href), SAID_MS);
    return "saved";
  }
}

/** Paint an element as it is seen; digits of the addresses in `hidden` are dots. */
export async function painted(stage, hidden) {
  const copy = copied(stage);
  const [width, height] = [stage.offsetWidth, Math.max(stage.scrollHeight, stage.offsetHeight)].map((side) => side + 2 * EDGE_PX);
  for (const node of textsOf(copy)) node.data = masked(node.data, hidden);
  for (const node of copy.querySelectorAll("input")) node.setAttribute("value", masked(node.getAttribute("value") ?? "", hidden));
  const image = new Image();
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(written(framed(copy, width, height)))}`;
  await image.decode();
  const canvas = el("canvas", { width: width * devicePixelRatio, height: height * devicePixelRatio });
  canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
  return new Promise((done, failed) => canvas.toBlob((blob) => (blob ? done(blob) : failed(new Error("this browser paints none"))), "image/png"));
}

function written(picture) {
  return new XMLSerializer().serializeToString(picture).replace(NO_XML, "\ufffd").toWellFormed();
}

function framed(copy, width, height) {
  const body = el("body", {}, copy);
  const dark = matchMedia("(prefers-color-scheme: dark)").matches;
  Object.assign(body.style, { colorScheme: dark ? "dark" : "light", display: "block", height: "100%", minHeight: "0", padding: `${EDGE_PX}px` });
  const rules = [...document.styleSheets].flatMap((sheet) => rulesOf(sheet.cssRules));
  const content = svg("foreignObject", { width: "100%", height: "100%" }, el("style", {}, rules.join("\n")), body);
  return svg("svg", { width, height, viewBox: `0 0 ${width} ${height}` }, content);
}

/** Return the rules that hold at this width and in these colours, which an image does not know. */
function rulesOf(rules) {
  return [...rules].flatMap((rule) => {
    if (!(rule instanceof CSSMediaRule)) return [rule.cssText];
    return matchMedia(rule.conditionText).matches ? rulesOf(rule.cssRules) : [];
  });
}

/** Return a copy with what no copy has by itself: sizes that follow from the window, what was typed, how far it is scrolled. */
function copied(stage) {
  const copy = stage.cloneNode(true);
  const twins = [...copy.querySelectorAll("*")];
  const { gridTemplateColumns, gridTemplateRows } = getComputedStyle(stage);
  Object.assign(copy.style, { gridTemplateColumns, gridTemplateRows, width: `${stage.offsetWidth}px`, height: `${stage.offsetHeight}px`, maxHeight: "none" });
  [...stage.querySelectorAll("*")].forEach((node, at) => keepLook(node, twins[at]));
  return copy;
}

function keepLook(node, twin) {
  if (node.matches(".screen")) Object.assign(twin.style, { flex: "none", height: `${node.offsetHeight}px`, minHeight: "0", maxHeight: "none" });
  if (node.matches("textarea")) twin.textContent = node.value;
  if (node.matches("input")) twin.setAttribute("value", node.value);
  if (node.matches("option")) attribute(twin, "selected", node.selected);
  if (node.scrollHeight > node.clientHeight || node.scrollWidth > node.clientWidth) scrolled(node, twin);
}

function scrolled(node, twin) {
  if (!["auto", "scroll"].includes(getComputedStyle(node).overflowY)) return;
  twin.style.overflow = "hidden";
  [...node.children].forEach((child, at) => {
    const stays = getComputedStyle(child).position === "sticky";
    if (!stays) twin.children[at].style.translate = `${-node.scrollLeft}px ${-node.scrollTop}px`;
  });
}

function textsOf(node) {
  const walker = document.createTreeWalker(node, NodeFilter.SHOW_TEXT);
  const found = [];
  while (walker.nextNode()) found.push(walker.currentNode);
  return found;
}

function masked(written, hidden) {
  const forms = hidden.flatMap((address) => [plain(address), number(address)]);
  return forms.reduce((said, form) => said.replaceAll(form, form.replace(/\d/g, "•")), written);
}
