// Elements: turns names, attributes and children into nodes. Text is always text; nothing here parses HTML.

const kept = new WeakMap();
const drawn = new WeakMap();
const SVG = "http://www.w3.org/2000/svg";

/** Return a new element. `on…` are listeners; false and null leave an attribute out, true sets it empty. */
export function el(tag, attributes = {}, ...children) {
  return filled(document.createElement(tag), attributes, children);
}

/** Return a new SVG element. */
export function svg(tag, attributes = {}, ...children) {
  return filled(document.createElementNS(SVG, tag), attributes, children);
}

function filled(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else attribute(node, name, value);
  }
  node.append(...children.flat(2).filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

/** Set an attribute, or take it away; `aria-…` keeps true and false as words. */
export function attribute(node, name, value) {
  const wanted = name.startsWith("aria-") && typeof value === "boolean" ? String(value) : value;
  if (wanted === null || wanted === undefined || wanted === false) node.removeAttribute(name);
  else if (node.getAttribute(name) !== String(wanted === true ? "" : wanted)) {
    node.setAttribute(name, wanted === true ? "" : wanted);
  }
}

/** Set a node's text where it differs, so that nothing is read out twice. */
export function text(node, value) {
  if (node.textContent !== value) node.textContent = value;
}

/** Draw a node's children anew where `value`, which they are made of, has changed. */
export function redraw(node, value, draw) {
  const key = JSON.stringify(value);
  if (drawn.get(node) === key) return;
  drawn.set(node, key);
  node.replaceChildren(...[draw(value)].flat(2).filter((child) => child !== null && child !== false));
}

/** Keep one part `{node, update}` for each item, in the items' order; who types in one is not disturbed. */
export function keep(parent, items, keyOf, make) {
  const before = kept.get(parent) ?? new Map();
  const after = new Map(items.map((item) => [keyOf(item), before.get(keyOf(item)) ?? make(item)]));
  for (const [key, part] of before) if (!after.has(key)) part.node.remove();
  let at = 0;
  for (const item of items) {
    const part = after.get(keyOf(item));
    if (parent.children[at] !== part.node) parent.insertBefore(part.node, parent.children[at] ?? null);
    part.update(item);
    at += 1;
  }
  kept.set(parent, after);
}

/** Return a small picture that says nothing to a screen reader: paths of a 24 by 24 grid. */
export function icon(name) {
  const shape = svg("path", { d: ICONS[name] });
  return svg("svg", { viewBox: "0 0 24 24", class: "icon", "aria-hidden": "true", focusable: "false" }, shape);
}

const ICONS = {
  send: "M3 20.5v-7l9-1.5-9-1.5v-7L22 12z",
  eye: "M12 5c5 0 9 4.5 10 7-1 2.500-5 7-10 7S3 14.500 2 12c1-2.500 5-7 10-7zm0 3a4 4 0 1 0 0 8 4 4 0 0 0 0-8z",
  mask: "M3 6c3-1.500 6 .5 9 .5S18 4.500 21 6c.8 7-2 12-6 12-1.800 0-2-1.500-3-1.500S10.800 18 9 18c-4 0-6.800-5-6-12zm3 4.500c1 2 3.500 2 5 .7-1-1.700-3.500-2.200-5-.7zm12 0c-1.500-1.500-4-1-5 .7 1.500 1.300 4 1.300 5-.7z",
  person: "M12 12a4.500 4.500 0 1 0 0-9 4.500 4.500 0 0 0 0 9zm0 2c-5 0-8.500 2.500-8.500 6v1h17v-1c0-3.500-3.500-6-8.500-6z",
  play: "M7 4v16l13-8z",
  picture: "M4 4h16a2 2 0 0 1 2 2v12a2 2 0 0 1-2 2H4a2 2 0 0 1-2-2V6a2 2 0 0 1 2-2zm0 2v9.500l4-4 4 4 5-5 3 3V6zm4 1.500a1.500 1.500 0 1 1 0 3 1.500 1.500 0 0 1 0-3z",
  rows: "M3 5h18v2.500H3zm0 5.700h18v2.500H3zm0 5.800h18V19H3z",
  file: "M6 2h8l5 5v15H6zm7.500 1.800V7.500h3.700z",
  clock: "M12 2a10 10 0 1 0 0 20 10 10 0 0 0 0-20zm1 5v4.600l3.300 3.300-1.400 1.400L11 12.400V7z",
};
