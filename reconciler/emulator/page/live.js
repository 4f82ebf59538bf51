// The world as it goes: turns the stream of events into scenes, each asked for as a whole.
//
// An event is only a sign that something changed: the scene is asked for anew, one question at a time. So a
// page that was opened late, slept or lost its connection is right again after one answer.

import { Refused, admin } from "./api.js";

const KEPT = 1000;
const AGAIN_MS = 1000;

/**
 * Follow the world: `paths()` gives the `scene` to ask for, and `rows`, `{name, path, joined}` or null where nobody
 * looks; `changed({scene, events, rows, online, wrong})` is told each time. `rows` has what was answered there so
 * far by name: what `joined(before, answer)` made of it. `wrong` is what the emulator said against it, else "".
 */
export function follow(paths, changed) {
  const state = { scene: null, events: [], rows: {}, online: false, wrong: "" };
  let asked_at = performance.now();
  let asking = null;
  let again = false;
  let waiting = 0;
  let stream = null;

  async function ask() {
    const { scene: path, rows } = paths(state.rows);
    const [scene, events, found] = await Promise.all([
      admin(path),
      admin(`events?since=${lastOf(state.events)}`),
      rows && admin(rows.path),
    ]);
    return () => {
      asked_at = performance.now();
      const began = scene.last_event < lastOf(state.events) || events.some((one) => one.type === "world.reset");
      state.events = [...(began ? [] : state.events), ...sinceReset(events)].slice(-KEPT);
      if (began) state.rows = {};
      keepRows(rows, found);
      Object.assign(state, { scene, online: true, wrong: "" });
    };
  }

  async function askRows() {
    const { rows } = paths(state.rows);
    const found = rows && (await admin(rows.path));
    return () => keepRows(rows, found);
  }

  function keepRows(rows, found) {
    if (rows) state.rows = { ...state.rows, [rows.name]: rows.joined(state.rows[rows.name], found[rows.name]) };
  }

  /** Ask, then tell; what goes wrong in drawing is a mistake of the page and not the emulator's silence. */
  async function told(question) {
    const answer = await question().catch(lost);
    if (!answer) return;
    answer();
    tell();
  }

  function tell() {
    if (!state.scene) return;
    try {
      changed(state);
    } catch (error) {
      reportError(error);
    }
  }

  function refresh() {
    if (asking) {
      again = true;
      return asking;
    }
    return run(ask);
  }

  /** Ask for what the drawer shows alone, unless something is being asked for anyway. */
  function poll() {
    if (!asking && state.online) run(askRows);
  }

  function run(question) {
    asking = told(question).finally(() => {
      asking = null;
      if (again) {
        again = false;
        refresh();
      }
    });
    return asking;
  }

  /** Say that nobody answers, and try again until somebody does. */
  function lost(error) {
    state.online = false;
    state.wrong = error instanceof Refused ? error.message : "";
    waiting ||= setTimeout(() => {
      waiting = 0;
      if (stream.readyState === EventSource.CLOSED) listen();
      refresh();
    }, AGAIN_MS);
    tell();
  }

  function listen() {
    stream = new EventSource("/_emulator/events");
    stream.addEventListener("open", refresh);
    stream.addEventListener("message", refresh);
    stream.addEventListener("error", lost);
  }

  listen();

  /** Return the world's time now, which goes on between two scenes as its clock does. */
  function now_s() {
    const { now_s: then_s, rate } = state.scene.clock;
    return then_s + ((performance.now() - asked_at) / 1000) * rate;
  }

  return { refresh, poll, now_s };
}

function lastOf(events) {
  return events.length ? events[events.length - 1].id : 0;
}

function sinceReset(events) {
  return events.slice(events.findLastIndex((one) => one.type === "world.reset") + 1);
}
