"""Random stacks and worlds for the laws: a seed → specs as data, edits of them, what others do meanwhile."""

from __future__ import annotations

import asyncio
import copy
import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reconciler import emulator
from reconciler.executor import carry_out
from reconciler.gateway import Credentials, Gateway
from reconciler.kinds import KINDS
from reconciler.variables import Inputs
from reconciler.workflow import make_destroy_plan, make_plan, read_specs

if TYPE_CHECKING:
    import random
    from collections.abc import Mapping, Sequence

    from reconciler.model import Event, Plan
    from reconciler.stack import Stack
    from reconciler.transport import Transport
    from reconciler.workflow import Planned

Spec = dict[str, Any]

SENDERS = {"wa": "whatsapp:+15550100200", "wb": "whatsapp:+15550100210", "sms": "+15550100201"}
PHONES = [f"+155501003{n:02}" for n in range(12)]
EVENTS = ["onMessageAdded", "onParticipantAdded", "onConversationUpdated", "onDeliveryUpdated"]


class WorldClock:
    """The reconciler's clock on the emulator's: waiting moves the world's time forward and takes none."""

    def __init__(self, store: emulator.Store) -> None:
        self._store = store
        self._now_s = 0.0

    def monotonic(self) -> float:
        """Return the seconds slept so far."""
        return self._now_s

    async def sleep(self, seconds: float) -> None:
        """Let the world's time pass."""
        self._now_s += seconds
        self._store.advance(seconds)
        await asyncio.sleep(0)


class World:
    """An emulated account with the reconciler's way into it."""

    def __init__(self, switches: emulator.Switches | None = None, seed: int = 0) -> None:
        self.store = emulator.Store(switches=switches, clock=emulator.Clock.frozen(), seed=seed)
        self.clock = WorldClock(self.store)

    @property
    def gateway(self) -> Gateway:
        """A new gateway into this world: one event loop each."""
        return self.gateway_over(emulator.InProcess(self.store))

    def gateway_over(self, transport: Transport) -> Gateway:
        """Return a gateway into this world over `transport`."""
        credentials = Credentials(emulator.ACCOUNT_SID, emulator.ACCOUNT_SID, emulator.AUTH_TOKEN)
        return Gateway(transport, credentials, clock=self.clock, seed=0)

    def plan(self, stack: Stack, **options: Any) -> Planned:
        """Return the plan for `stack`."""
        return asyncio.run(make_plan(stack, self.gateway, **options))

    def destroy_plan(self, stack: Stack, *, delete: bool) -> Planned:
        """Return the plan that removes all of `stack`."""
        return asyncio.run(make_destroy_plan(stack, self.gateway, delete=delete))

    def carry_out(self, plan: Plan, gateway: Gateway | None = None) -> list[Event]:
        """Carry `plan` out and return its events."""

        async def collect() -> list[Event]:
            return [event async for event in carry_out(plan, KINDS, gateway or self.gateway, self.clock)]

        return asyncio.run(collect())

    def apply(self, stack: Stack) -> list[Event]:
        """Plan and carry out."""
        return self.carry_out(self.plan(stack).plan)

    def call(self, method: str, path: str, form: Sequence[tuple[str, str]] = ()) -> dict[str, Any]:
        """Make a call as somebody else would, with Twilio's own names."""
        from base64 import b64encode
        from urllib.parse import urlencode

        token = b64encode(f"{emulator.ACCOUNT_SID}:{emulator.AUTH_TOKEN}".encode()).decode()
        headers = {"Authorization": f"Basic {token}", "Content-Type": "application/x-www-form-urlencoded"}
        url = f"https://conversations.twilio.com/v1/{path}"
        door = emulator.InProcess(self.store)
        _, _, body = asyncio.run(door.send(method, url, headers, urlencode(form).encode(), 5.0))
        return json.loads(body) if body else {}

    def rows(self, path: str) -> list[dict[str, Any]]:
        """Return all rows of a collection, pages and all."""
        key = path.rsplit("/", 1)[-1].lower()
        size = 5 if key == "webhooks" else 100
        page = self.call("GET", f"{path}?PageSize={size}")
        rows: list[dict[str, Any]] = list(page[key])
        while page["meta"]["next_page_url"]:
            page = self.call("GET", page["meta"]["next_page_url"].split("/v1/", 1)[1])
            rows += page[key]
        return rows

    def snapshot(self, *, open_only: bool = False) -> dict[str, Any]:
        """Return everything in the account: conversations with what stands in them, by sid."""
        found: dict[str, Any] = {}
        for row in self.rows("Conversations"):
            if open_only and row["state"] == "closed":
                continue
            path = f"Conversations/{row['sid']}"
            inside = {name: self.rows(f"{path}/{name}") for name in ("Participants", "Webhooks")}
            found[row["sid"]] = {"row": row, **inside}
        return found


def stack_of(spec: Spec | str, environment: str = "") -> Stack:
    """Read a spec that is given as text or as data. JSON is YAML, so it goes through the whole front."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "spec.yaml")
        path.write_text(spec if isinstance(spec, str) else json.dumps(spec, indent=1), encoding="utf-8")
        return read_specs(path, Inputs(environment=environment)).stack


def without_mark(attributes: str) -> Any:
    """Return live attributes as others see them, without our mark."""
    tree = json.loads(attributes)
    return {k: v for k, v in tree.items() if k != "reconciler"} if isinstance(tree, dict) else tree


# --- specs -------------------------------------------------------------------------------------------------


def random_spec(dice: random.Random, *, stack: str = "law") -> Spec:
    """Return a stack of up to six conversations whose pairs do not collide."""
    pairs = [(phone, via) for phone in PHONES for via in SENDERS]
    dice.shuffle(pairs)
    conversations = {f"c{n}": _conversation(dice, pairs) for n in range(dice.randint(1, 6))}
    return {"stack": {"name": stack}, "senders": dict(SENDERS), "conversations": conversations}


def _conversation(dice: random.Random, pairs: list[tuple[str, str]]) -> Spec:
    spec: Spec = {"participants": {}, "webhooks": {}}
    if dice.random() < 0.7:
        spec["friendly_name"] = f"Order {dice.randint(1, 99)}"
    if dice.random() < 0.6:
        spec["attributes"] = _attributes(dice)
    if dice.random() < 0.3:
        spec["timers"] = {"inactive": dice.choice(["PT30M", "PT1H"]), "closed": dice.choice(["P1D", "P2D"])}
    if dice.random() < 0.3:
        spec["initial"] = {"attributes": {"status": "pending"}}
    for n in range(dice.randint(0, 3)):
        spec["participants"][f"p{n}"] = _participant(dice, pairs)
    if dice.random() < 0.4:
        spec["participants"]["desk"] = {"identity": f"desk-{dice.randint(1, 3)}"}
    for n in range(dice.randint(0, 5)):
        spec["webhooks"][f"w{n}"] = _webhook(dice)
    return spec


def _attributes(dice: random.Random) -> Spec:
    leaves = {"topic": dice.choice(["delivery", "billing"]), "level": dice.randint(1, 3), "tags": ["a", "b"]}
    tree: Spec = {name: value for name, value in leaves.items() if dice.random() < 0.6}
    if dice.random() < 0.5:
        tree["order"] = {"city": dice.choice(["Berlin", "Porto"]), "open": dice.random() < 0.5}
    return tree


def _participant(dice: random.Random, pairs: list[tuple[str, str]]) -> Spec:
    address, via = pairs.pop()
    spec: Spec = {"address": address, "via": via}
    if dice.random() < 0.5:
        spec["attributes"] = {"role": dice.choice(["courier", "customer"])}
    return spec


def _webhook(dice: random.Random) -> Spec:
    target = dice.choice(["webhook", "trigger", "studio"])
    if target == "studio":
        return {"studio": "FW" + f"{dice.randint(1, 9)}" * 32}
    url = f"https://example.com/{dice.randint(1, 4)}"
    if target == "trigger":
        return {"url": url, "triggers": dice.sample(["help", "agent", "stop"], dice.randint(1, 3))}
    filters = dice.sample(EVENTS, dice.randint(1, 3))
    return {"url": url, "filters": filters, "method": dice.choice(["post", "get"])}


# --- edits -------------------------------------------------------------------------------------------------


def edited(dice: random.Random, spec: Spec, *, keeps_keys: bool = False) -> Spec:
    """Return the spec after a few edits of the sort people make, still without colliding pairs.

    With `keeps_keys` nothing is dropped, moved or called otherwise.
    """
    new = copy.deepcopy(spec)
    edits = [_edit_fields, _edit_fields, _swap_pairs, _add, _edit_webhook]
    edits += [] if keeps_keys else [_move, _drop, _rekey]
    for _ in range(dice.randint(1, 5)):
        dice.choice(edits)(dice, new)
    return new


def _pick(dice: random.Random, tree: Mapping[str, Any]) -> str | None:
    return dice.choice(sorted(tree)) if tree else None


def _edit_fields(dice: random.Random, spec: Spec) -> None:
    key = _pick(dice, spec["conversations"])
    if key:
        conversation = spec["conversations"][key]
        fresh = _conversation(dice, _free_pairs(dice, spec))
        for name in ("friendly_name", "attributes", "timers"):
            conversation.pop(name, None)
            if name in fresh:
                conversation[name] = fresh[name]


def _phones(spec: Spec) -> list[Spec]:
    found = [p for c in spec["conversations"].values() for p in c["participants"].values()]
    return [p for p in found if "address" in p]


def _free_pairs(dice: random.Random, spec: Spec) -> list[tuple[str, str]]:
    taken = {(p["address"], p["via"]) for p in _phones(spec)}
    free = [(phone, via) for phone in PHONES for via in SENDERS if (phone, via) not in taken]
    dice.shuffle(free)
    return free


def _swap_pairs(dice: random.Random, spec: Spec) -> None:
    """Have two or three participants pass their pairs around, in or between conversations."""
    phones = _phones(spec)
    if len(phones) >= 2:
        ring = dice.sample(phones, min(len(phones), dice.choice([2, 2, 3])))
        pairs = [(p["address"], p["via"]) for p in ring]
        for participant, (address, via) in zip(ring, [*pairs[1:], pairs[0]], strict=True):
            participant.update(address=address, via=via)


def _move(dice: random.Random, spec: Spec) -> None:
    """Move a participant to another conversation."""
    source, goal = _pick(dice, spec["conversations"]), _pick(dice, spec["conversations"])
    if source and goal and source != goal:
        key = _pick(dice, spec["conversations"][source]["participants"])
        if key and key not in spec["conversations"][goal]["participants"]:
            here, there = (
                spec["conversations"][source]["participants"],
                spec["conversations"][goal]["participants"],
            )
            if here[key].get("identity") not in {p.get("identity", "-") for p in there.values()}:
                there[key] = here.pop(key)


def _drop(dice: random.Random, spec: Spec) -> None:
    key = _pick(dice, spec["conversations"])
    if key and dice.random() < 0.4:
        del spec["conversations"][key]
    elif key:
        inside = spec["conversations"][key][dice.choice(["participants", "webhooks"])]
        child = _pick(dice, inside)
        if child:
            del inside[child]


def _rekey(dice: random.Random, spec: Spec) -> None:
    """Give a participant, webhook or conversation another key."""
    key = _pick(dice, spec["conversations"])
    if key and dice.random() < 0.2:
        spec["conversations"][f"r{dice.randint(0, 99)}"] = spec["conversations"].pop(key)
    elif key:
        inside = spec["conversations"][key][dice.choice(["participants", "webhooks"])]
        child = _pick(dice, inside)
        if child:
            inside[f"k{dice.randint(0, 99)}"] = inside.pop(child)


def _add(dice: random.Random, spec: Spec) -> None:
    pairs = _free_pairs(dice, spec)
    key = _pick(dice, spec["conversations"])
    if key is None or dice.random() < 0.3:
        spec["conversations"][f"n{dice.randint(0, 99)}"] = _conversation(dice, pairs)
    else:
        spec["conversations"][key]["participants"][f"a{dice.randint(0, 99)}"] = _participant(dice, pairs)


def _edit_webhook(dice: random.Random, spec: Spec) -> None:
    key = _pick(dice, spec["conversations"])
    hooks = spec["conversations"][key]["webhooks"] if key else {}
    child = _pick(dice, hooks)
    if child:
        hooks[child] = _webhook(dice)


# --- others ------------------------------------------------------------------------------------------------


def strangers_arrive(dice: random.Random, world: World) -> None:
    """Have others add a conversation of their own, and participants, webhooks and attributes in ours."""
    theirs = world.call(
        "POST", "Conversations", [("FriendlyName", "theirs"), ("UniqueName", f"x{dice.random()}")]
    )
    world.call("POST", f"Conversations/{theirs['sid']}/Participants", [("Identity", "somebody")])
    for row in world.rows("Conversations"):
        path = f"Conversations/{row['sid']}"
        if row["state"] == "closed" or dice.random() < 0.4:
            continue
        world.call("POST", f"{path}/Participants", [("Identity", f"guest-{dice.randint(1, 99)}")])
        if len(world.rows(f"{path}/Webhooks")) < 1:
            hook = [("Target", "webhook"), ("Configuration.Url", "https://others.example.com/")]
            world.call("POST", f"{path}/Webhooks", [*hook, ("Configuration.Filters", "onMessageRemoved")])
        attributes = json.loads(row["attributes"]) | {"theirs": dice.randint(1, 9)}
        world.call("POST", path, [("Attributes", json.dumps(attributes))])


def copies_arrive(dice: random.Random, world: World) -> list[str]:
    """Have an application copy our attributes, marks and all, into rows of its own; return their sids."""
    world.store.advance(5.0)
    copies: list[str] = []
    for whole in [*world.snapshot(open_only=True).values()]:
        row = whole["row"]
        form = [
            ("Attributes", row["attributes"]),
            ("FriendlyName", "copy"),
            ("UniqueName", f"copy-{dice.random()}"),
        ]
        copies.append(world.call("POST", "Conversations", form)["sid"])
        for participant in whole["Participants"]:
            form = [("Identity", f"copy-{dice.random()}"), ("Attributes", participant["attributes"])]
            copies.append(world.call("POST", f"Conversations/{row['sid']}/Participants", form)["sid"])
            copies.append(world.call("POST", f"Conversations/{copies[0]}/Participants", form)["sid"])
    return copies


def foreign_rows(world: World) -> dict[str, Any]:
    """Return, by sid, everything that others own, as it stands."""
    found: dict[str, Any] = {}
    for sid, whole in world.snapshot().items():
        row = whole["row"]
        mark = json.loads(row["attributes"]).get("reconciler", {})
        found[f"{sid} theirs"] = json.loads(row["attributes"]).get("theirs")
        if not mark:
            found[sid] = row
        for participant in whole["Participants"]:
            if "reconciler" not in json.loads(participant["attributes"]):
                found[participant["sid"]] = participant
        for hook in whole["Webhooks"]:
            if hook["configuration"].get("url") == "https://others.example.com/":
                found[hook["sid"]] = hook
    return found


# --- an oracle of its own ----------------------------------------------------------------------------------


def wanted_of(spec: Spec) -> dict[str, Any]:
    """Say in Twilio's words what a spec wants to be there: by unique name, only what the spec mentions.

    Written against Twilio's description and not through any kind, so that a mistake there shows.
    """
    return {
        f"{spec['stack']['name']}.{key}": {
            "friendly_name": one.get("friendly_name"),
            "attributes": one.get("attributes", {}),
            "participants": sorted(_wanted_participant(p) for p in one["participants"].values()),
            "webhooks": sorted(_wanted_webhook(w) for w in one["webhooks"].values()),
        }
        for key, one in spec["conversations"].items()
    }


def _wanted_participant(one: Spec) -> str:
    proxy = SENDERS.get(one.get("via", ""))
    address = one.get("address")
    if address and proxy and proxy.startswith("whatsapp:"):
        address = f"whatsapp:{address}"
    return repr((one.get("identity"), address, proxy, sorted(one.get("attributes", {}).items())))


def _wanted_webhook(one: Spec) -> str:
    if "studio" in one:
        return repr(("studio", one["studio"]))
    if "triggers" in one:
        return repr(("trigger", one["url"], sorted(one["triggers"])))
    return repr(("webhook", one["url"], one["method"], sorted(one["filters"])))


def there_is(world: World, spec: Spec) -> dict[str, Any]:
    """Say in the same words what is there, of open conversations with our stack's names."""
    found: dict[str, Any] = {}
    for whole in world.snapshot(open_only=True).values():
        row = whole["row"]
        if not str(row["unique_name"]).startswith(f"{spec['stack']['name']}."):
            continue
        wanted = spec["conversations"].get(str(row["unique_name"]).partition(".")[2], {})
        attributes = without_mark(row["attributes"])
        mentioned = {name: attributes.get(name) for name in wanted.get("attributes", {})}
        found[row["unique_name"]] = {
            "friendly_name": row["friendly_name"] if "friendly_name" in wanted else None,
            "attributes": mentioned,
            "participants": sorted(_found_participant(p) for p in whole["Participants"]),
            "webhooks": sorted(_found_webhook(w) for w in whole["Webhooks"]),
        }
    return found


def _found_participant(row: dict[str, Any]) -> str:
    binding = row["messaging_binding"] or {}
    attributes = sorted(without_mark(row["attributes"]).items())
    return repr((row["identity"], binding.get("address"), binding.get("proxy_address"), attributes))


def _found_webhook(row: dict[str, Any]) -> str:
    settings = row["configuration"]
    if row["target"] == "studio":
        return repr(("studio", settings["flow_sid"]))
    if row["target"] == "trigger":
        return repr(("trigger", settings["url"], sorted(settings.get("triggers") or settings["filters"])))
    return repr(("webhook", settings["url"], settings["method"].lower(), sorted(settings["filters"])))
