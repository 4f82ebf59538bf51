// Deep links: turns what is looked at into the address's fragment, and back.

const KNOWN = ["conversation", "message", "drawer", "revealed", "tutorial"];

/** Return what the address asks to look at. */
export function linked() {
  const found = new URLSearchParams(location.hash.slice(1));
  return Object.fromEntries(KNOWN.map((name) => [name, found.get(name) ?? ""]));
}

/** Let the address say what is looked at, without a step in the history. */
export function link(view) {
  const wanted = new URLSearchParams(KNOWN.filter((name) => view[name]).map((name) => [name, view[name]]));
  const hash = wanted.size ? `#${wanted}` : "";
  if (hash !== location.hash) history.replaceState(null, "", `${location.pathname}${location.search}${hash}`);
}
