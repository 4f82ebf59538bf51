"""Users and roles of a service of this run's own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.verifying.seeing import body, said
from reconciler.verifying.site import Probe

if TYPE_CHECKING:
    from reconciler.verifying.site import Seen, Site


async def _default_roles(site: Site) -> Seen:
    rows = (await site.get(f"{await site.service('people')}/Roles")).row["roles"]
    return {
        row["friendly_name"]: {
            "type": row["type"],
            "permissions": dict.fromkeys(sorted(row["permissions"]), "yes"),
        }
        for row in rows
    }


async def _roles(site: Site) -> Seen:
    at = f"{await site.service('people')}/Roles"
    form = {
        "FriendlyName": "verifier",
        "Type": "conversation",
        "Permission": ["sendMessage", "leaveConversation"],
    }
    made = await site.post(at, form)
    one = f"{at}/{made.row.get('sid')}"
    return {
        "made": body(made),
        "permissions replaced": body(await site.post(one, {"Permission": "sendMessage"})),
        "an unknown permission": said(await site.post(at, {**form, "Permission": "fly"})),
        "an unknown type": said(await site.post(at, {**form, "Type": "world"})),
        "a name that is too long": said(await site.post(at, {**form, "FriendlyName": "x" * 65})),
        "deleted": said(await site.delete(one)),
    }


async def _users(site: Site) -> Seen:
    at, identity = f"{await site.service('people')}/Users", site.name("user")
    made = await site.post(at, {"Identity": identity, "FriendlyName": "Somebody"})
    conversation = await site.conversation(service="people")
    joined = site.name("joined")
    await site.must(f"{conversation}/Participants", {"Identity": joined})
    return {
        "made": body(made),
        "made again": said(await site.post(at, {"Identity": identity})),
        "no identity": said(await site.post(at)),
        "an identity like a sid": said(await site.post(at, {"Identity": "US" + "0" * 32})),
        "a reserved identity": said(await site.post(at, {"Identity": "system"})),
        "by identity": (await site.get(f"{at}/{identity}")).row.get("sid") == made.row.get("sid"),
        "updated": body(await site.post(f"{at}/{identity}", {"FriendlyName": "Other"})),
        "made by joining": body(await site.get(f"{at}/{joined}")),
        "deleted": said(await site.delete(f"{at}/{identity}")),
    }


async def _unread(site: Site) -> Seen:
    service, at = await site.service("people"), await site.conversation(service="people")
    identity = site.name("reader")
    await site.must(f"{at}/Participants", {"Identity": identity})
    await site.must(f"{at}/Messages", {"Body": "read by nobody"})
    where = f"{service}/Users/{identity}/Conversations/{at.rpartition('/')[2]}"
    return {"before anything is read": (await site.get(where)).row.get("unread_messages_count")}


async def _conversations_of(site: Site) -> Seen:
    service, at = await site.service("people"), await site.conversation(service="people")
    identity = site.name("owner")
    await site.must(f"{at}/Participants", {"Identity": identity})
    where = f"{service}/Users/{identity}/Conversations/{at.rpartition('/')[2]}"
    return {
        "one": body(await site.get(where), "unread_messages_count"),
        "muted": said(await site.post(where, {"NotificationLevel": "muted"})),
        "left": said(await site.delete(where)),
        "afterwards": said(await site.get(where)),
    }


PROBES = (
    Probe("people/default roles", "the roles that a service begins with", _default_roles),
    Probe("people/roles", "a role: what it shows, what is refused", _roles),
    Probe("people/users", "a user: what it shows, what is refused", _users),
    Probe("people/conversations", "the conversations of a user", _conversations_of),
    Probe("people/unread", "unread messages of who has read nothing", _unread, ("unread_before_reading",)),
)
