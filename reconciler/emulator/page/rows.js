// Rows that lead to messages: turns things that have happened into a table; those of the message looked at are lit.

import { attribute, el, keep, redraw } from "./dom.js";

/**
 * Return the table of one tab. `about(item)` says which `{conversation, message}` a row is of, if any; `cells(item)`
 * are what stands in it after the number, drawn anew where `drawn(item)` differs; `empty` is said where none is.
 */
export function sheet({ heads, number, about, cells, drawn = number, empty }, actions) {
  const body = el("tbody", {});
  const table = el("table", {}, el("thead", {}, el("tr", {}, heads.map((head) => el("th", { scope: "col" }, head)))), body);
  const nothing = el("p", { class: "empty" }, empty);
  const node = el("div", {}, table, nothing);

  /** Show these items, undefined while nobody knows them; `shown` and `chosen` are SIDs of messages. */
  function update(items, shown, chosen) {
    table.hidden = !items?.length;
    nothing.hidden = items?.length !== 0;
    const rows = (items ?? []).map((item) => ({ item, is_lit: isOf(about(item), shown), is_chosen: isOf(about(item), chosen) }));
    keep(body, rows, ({ item }) => number(item), () => row());
  }

  function row() {
    const pick = el("button", { type: "button", class: "pick" });
    const first = el("td", {});
    const node = el("tr", { onclick: clicked }, first);
    let latest = null;

    function clicked(event) {
      const is_mine = event.target.closest("button, summary, pre") === null || event.target === pick;
      if (!is_mine || !getSelection().isCollapsed) return;
      const { conversation, message } = about(latest);
      if (message) actions.find(conversation, message);
    }

    function update({ item, is_lit, is_chosen }) {
      latest = item;
      const leads = Boolean(about(item).message);
      attribute(node, "class", [is_lit && "lit", leads && "leads"].filter(Boolean).join(" ") || null);
      attribute(pick, "aria-pressed", is_chosen);
      redraw(first, [number(item), leads], ([at]) => (leads ? pick : String(at)));
      redraw(pick, number(item), (at) => [el("span", { class: "unseen" }, "Message of row "), String(at)]);
      redraw(node, drawn(item), () => [first, cells(item).map((one) => el("td", {}, one))]);
    }

    return { node, update };
  }

  return { node, update };
}

function isOf({ message }, sid) {
  return Boolean(sid) && message === sid;
}
