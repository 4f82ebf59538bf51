// The drawer's edge: turns a pull, or arrow keys, into its height.

import { attribute, el } from "./dom.js";

const STEP_PX = 24;
const LEAST_PX = 120;

/** Return the edge that makes the drawer higher and lower. */
export function splitter() {
  const node = el("div", { class: "splitter", role: "separator", tabindex: "0", "aria-orientation": "horizontal", "aria-label": "Height of the drawer", "aria-valuemin": LEAST_PX });
  let height_px = null;

  function most_px() {
    return Math.max(LEAST_PX, Math.round(innerHeight * 0.6));
  }

  function set(wanted_px) {
    height_px = Math.round(Math.min(most_px(), Math.max(LEAST_PX, wanted_px)));
    document.documentElement.style.setProperty("--drawer", `${height_px}px`);
    tell();
  }

  function tell() {
    attribute(node, "aria-valuemax", most_px());
    attribute(node, "aria-valuenow", height_px ?? Math.round(node.parentElement?.offsetHeight || most_px() / 2));
  }

  node.addEventListener("focus", tell);
  node.addEventListener("pointerdown", (event) => node.setPointerCapture(event.pointerId));
  node.addEventListener("pointermove", (event) => {
    if (node.hasPointerCapture(event.pointerId)) set(node.parentElement.getBoundingClientRect().bottom - event.clientY);
  });
  node.addEventListener("keydown", (event) => {
    const step = { ArrowUp: STEP_PX, ArrowDown: -STEP_PX }[event.key];
    if (!step) return;
    event.preventDefault();
    set(node.parentElement.offsetHeight + step);
  });
  tell();
  return node;
}
