// The world as it goes: turns the stream of events into scenes, each asked for as a whole.
//
// An event is only a sign that something changed: the scene is asked for anew, one question at a time. So a
// page that was opened late, slept or lost its connection is right again after one answer.

import { admin } from "./api.js";

const KEPT = 1000;
const AGAIN_MS = 1000;

/**
 * Follow the world: `paths()` are those to ask, `{scene, rows}` (the latter null where nobody looks), and
 * `changed({scene, events, rows, online})` is told each time; `rows` has
 * what was answered there so far, one name for each path.
 */
export function follow(paths, changed) {
  const state = { scene: null, events: [], rows: {}, online: false };
  let asked_at = performance.now();
  let asking = null;
  let again = false;

  async function ask() {
    const wanted = paths();
    const [scene, events, rows] = await Promise.all([
      admin(wanted.scene),
      admin(`events?since=${lastOf(state.events)}`),
      wanted.rows && admin(wanted.rows),
    ]);
    asked_at = performance.now();
    const began = scene.last_event < lastOf(state.events) || events.some((one) => one.type === "world.reset");
    state.events = [...(began ? [] : state.events), ...sinceReset(events)].slice(-KEPT);
    state.rows = { ...state.rows, ...rows };
    state.scene = scene;
    state.online = true;
    changed(state);
  }

  function refresh() {
    if (asking) {
      again = true;
      return asking;
    }
    asking = ask()
      .catch(() => {
        lost();
        setTimeout(refresh, AGAIN_MS);
      })
      .finally(() => {
        asking = null;
        if (again) {
          again = false;
          refresh();
        }
      });
    return asking;
  }

  function lost() {
    state.online = false;
    if (state.scene) changed(state);
  }

  const stream = new EventSource("/_emulator/events");
  stream.addEventListener("open", refresh);
  stream.addEventListener("message", refresh);
  stream.addEventListener("error", lost);

  /** Return the world's time now, which goes on between two scenes as its clock does. */
  function now_s() {
    const { now_s: then_s, rate } = state.scene.clock;
    return then_s + ((performance.now() - asked_at) / 1000) * rate;
  }

  return { refresh, now_s };
}

function lastOf(events) {
  return events.length ? events[events.length - 1].id : 0;
}

function sinceReset(events) {
  return events.slice(events.findLastIndex((one) => one.type === "world.reset") + 1);
}
