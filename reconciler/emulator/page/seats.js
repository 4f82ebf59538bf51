// Who stands where: turns a scene into one whose phones, and whose participants, keep their places.

import { participantOf } from "./people.js";
import { written } from "./specs.js";

/**
 * Return what gives a scene its order: that of the specs where they made somebody, then that of coming; who came
 * once keeps the place, so that a participant that takes another's place moves no phone.
 */
export function seats() {
  const came = new Map();

  function seat(key) {
    if (!came.has(key)) came.set(key, came.size);
    return came.get(key);
  }

  return (scene, specs) => {
    const { conversation } = scene;
    if (!conversation) return scene;
    const places = new Map(scene.phones.map(({ address }) => [address, placeOf(specs, conversation, address)]));
    for (const address of places.keys()) seat(`${conversation.sid} ${address}`);
    const order = (one, other) =>
      compared(places.get(one), places.get(other)) || seat(`${conversation.sid} ${one}`) - seat(`${conversation.sid} ${other}`);
    const phones = scene.phones.toSorted((one, other) => order(one.address, other.address));
    const at = (one) => phones.findIndex(({ address }) => address === one.address) + 1 || Infinity;
    const participants = conversation.participants.toSorted((one, other) => (at(one) === at(other) ? 0 : at(one) - at(other)));
    return { ...scene, phones, conversation: { ...conversation, participants } };
  };
}

function placeOf(specs, conversation, address) {
  return written(specs, conversation, participantOf(conversation, address));
}

/** Compare two places of specs; what stands in none comes last. */
function compared(one, other) {
  if (!one || !other) return Boolean(other) - Boolean(one);
  return one.file === other.file ? one.line - other.line : one.file < other.file ? -1 : 1;
}
