// The drawer: turns its tabs into one place for what happened, shut until somebody opens it.

import { attribute, el, icon, redraw } from "./dom.js";
import { splitter } from "./splitter.js";
import { requests, resources, timeline } from "./tabs.js";
import { webhooks } from "./webhooks.js";

/** Return the drawer: its opener, what it holds, and `asks(name, rows)`, which is what a tab asks for while it is open. */
export function drawer(actions) {
  const held = [timeline, requests, webhooks, resources].map((tab) => tab(actions));
  const opener = el("button", { type: "button", class: "opener", "aria-controls": "drawer", onclick: () => actions.drawer(open ? "" : "timeline") });
  const tabs = held.map(({ name, label }) =>
    el("button", { type: "button", role: "tab", id: `tab-${name}`, "aria-controls": `panel-${name}`, onclick: () => actions.drawer(name) }, label),
  );
  const bar = el("div", { role: "tablist", "aria-label": "Drawer" }, tabs);
  const panels = held.map(({ name, node }) =>
    el("div", { role: "tabpanel", id: `panel-${name}`, "aria-labelledby": `tab-${name}`, tabindex: "0", hidden: true }, node),
  );
  const shut = el("button", { type: "button", class: "plain small", onclick: close }, "Close");
  const node = el("section", { id: "drawer", class: "drawer", "aria-label": "Drawer", hidden: true },
    splitter(), el("div", { class: "bar" }, bar, shut), panels);
  let open = "";
  let sought = "";

  bar.addEventListener("keydown", (event) => {
    if (!["ArrowLeft", "ArrowRight"].includes(event.key)) return;
    const at = held.findIndex((one) => one.name === open);
    const other = tabs.at((at + (event.key === "ArrowRight" ? 1 : -1)) % tabs.length);
    other.click();
    other.focus();
  });
  node.addEventListener("keydown", (event) => event.key === "Escape" && close());

  function close() {
    actions.drawer("");
    opener.focus();
  }

  function asks(name, rows) {
    const tab = held.find((one) => one.name === name && one.path);
    return tab ? { name, path: tab.path(rows[name]), joined: tab.joined } : null;
  }

  function update({ scene, events, rows, view, message }) {
    open = held.some((one) => one.name === view.drawer) ? view.drawer : "";
    node.hidden = !open;
    redraw(opener, events.length, () => [icon("rows"), "Timeline", el("span", { class: "count" }, String(events.length))]);
    attribute(opener, "aria-expanded", Boolean(open));
    held.forEach(({ name, update: fill }, at) => {
      attribute(tabs[at], "aria-selected", name === open);
      attribute(tabs[at], "tabindex", name === open ? "0" : "-1");
      panels[at].hidden = name !== open;
      if (name === open) fill({ scene, events, rows, view, shown: message?.sid });
    });
    const now = `${open} ${view.message} ${panels.some((one) => !one.hidden && one.querySelector(".lit"))}`;
    if (open && now !== sought) {
      tabs.find((one) => one.tabIndex === 0).scrollIntoView({ block: "nearest", inline: "nearest" });
      seek(panels.find((one) => !one.hidden));
    }
    sought = now;
  }

  return { opener, node, asks, update };
}

/** Bring the first lit row of a panel into its view, unless one is there already; nothing else moves. */
function seek(panel) {
  const lit = [...panel.querySelectorAll(".lit")];
  const [top, bottom] = [panel.scrollTop, panel.scrollTop + panel.clientHeight];
  if (!lit.length || lit.some((row) => row.offsetTop >= top && row.offsetTop + row.offsetHeight <= bottom)) return;
  panel.scrollTop = lit[0].offsetTop - panel.clientHeight / 3;
}
