"""Every rule of the emulator that refuses, and what it must leave as it was."""

from __future__ import annotations

import json
from typing import Any

import pytest
from contents import GREETED, approved

from reconciler.emulator import Account, Clock, Store, Switches, ask
from reconciler.emulator.errors import CODES

WA, WA_PROXY = "whatsapp:+15550100301", "whatsapp:+15550100200"
FLOW = "FW" + "0" * 32
HOOK = {"Target": "webhook", "Configuration.Url": "https://example.com/a"}
FILTER = {"Configuration.Filters": ["onMessageAdded"]}
TRIGGER = {"Target": "trigger", "Configuration.Url": "https://example.com/a"}
CONTENT = "HX" + "0" * 32
BIG = json.dumps({"a": "x" * 5000})
HUGE = json.dumps({"a": "x" * 17000})


def pair(address: str, proxy: str) -> dict[str, str]:
    return {"MessagingBinding.Address": address, "MessagingBinding.ProxyAddress": proxy}


def projected(address: str) -> dict[str, str]:
    return {"MessagingBinding.ProjectedAddress": address}


@pytest.fixture
def store() -> Store:
    """Make a world: `x` is open, `done` closed, `group` a group, `holder` has the WhatsApp pair."""
    store = Store(clock=Clock.frozen())
    for name in ("x", "done", "group", "holder", "full"):
        ask(store, "POST", "/Conversations", {"UniqueName": name})
    ask(store, "POST", "/Conversations/x/Participants", {"Identity": "ann"})
    ask(store, "POST", "/Conversations/holder/Participants", pair(WA, WA_PROXY))
    for number in (1, 2):
        ask(
            store,
            "POST",
            "/Conversations/group/Participants",
            {"MessagingBinding.Address": f"+1555010040{number}"},
        )
    ask(store, "POST", "/Conversations/group/Participants", projected("+15550100209"))
    for _ in range(5):
        ask(store, "POST", "/Conversations/full/Webhooks", {**HOOK, **FILTER})
    ask(store, "POST", "/Conversations/done", {"State": "closed"})
    ask(store, "POST", "/Configuration/Addresses", {"Type": "sms", "Address": "+15550100200"})
    return store


def sid_of(store: Store, path: str) -> str:
    return str(ask(store, "GET", path)[1]["sid"])


X, P, H, M = (
    "/Conversations/x",
    "/Conversations/x/Participants",
    "/Conversations/x/Webhooks",
    "/Conversations/x/Messages",
)
G = "/Conversations/group/Participants"
NEW = "/Conversations"
TOGETHER = "/ConversationWithParticipants"

REFUSALS: list[tuple[int, str, str, dict[str, Any]]] = [
    (20404, "GET", "/Conversations/nobody", {}),
    (20404, "GET", "/Conversations/CH" + "0" * 32, {}),
    (20404, "GET", f"{P}/MB" + "0" * 32, {}),
    (20404, "GET", f"{H}/WH" + "0" * 32, {}),
    (20404, "DELETE", f"{M}/IM" + "0" * 32, {}),
    (20404, "GET", "/Services/IS" + "0" * 32 + "/Conversations", {}),
    (20004, "DELETE", NEW, {}),
    (20501, "GET", f"{X}/Export", {}),
    (20409, "POST", "/Configuration/Addresses", {"Type": "sms", "Address": "+15550100200"}),
    (50054, "POST", "/Configuration/Webhooks", {"Filters": ["onSunrise"]}),
    (50077, "POST", "/Configuration/Webhooks", {"PreWebhookUrl": "example.com"}),
    (50078, "POST", "/Configuration/Webhooks", {"PostWebhookUrl": "example.com"}),
    (20001, "GET", f"{NEW}?PageSize=101", {}),
    (20001, "GET", f"{NEW}?PageSize=0", {}),
    (20001, "GET", f"{NEW}?PageToken=PTnonsense", {}),
    (20001, "GET", f"{NEW}?StartDate=yesterday", {}),
    (20001, "GET", "/ParticipantConversations", {}),
    (20001, "GET", f"{M}?Order=up", {}),
    (20001, "POST", "/Roles", {"FriendlyName": "r", "Type": "service"}),
    (19038, "GET", f"{M}?PageToken=-1", {}),
    (50396, "GET", f"{NEW}?StartDate=2026-02-01&EndDate=2026-01-01", {}),
    (50451, "GET", "/ParticipantConversations?Identity=a&Address=b", {}),
    # Conversations
    (50003, "POST", NEW, {"FriendlyName": "x" * 257}),
    (50004, "POST", NEW, {"UniqueName": "x" * 257}),
    (50390, "POST", NEW, {"UniqueName": "CH" + "a" * 32}),
    (50353, "POST", NEW, {"UniqueName": "x"}),
    (50353, "POST", NEW, {"UniqueName": "done"}),
    (50353, "POST", X, {"UniqueName": "holder"}),
    (50304, "POST", NEW, {"Attributes": "{'a': 1}"}),
    (50304, "POST", NEW, {"Attributes": ""}),
    (50304, "POST", NEW, {"Attributes": '{"a": NaN}'}),
    (50304, "POST", NEW, {"Attributes": "[" * 9000}),
    (50303, "POST", NEW, {"Attributes": HUGE}),
    (50374, "POST", NEW, {"State": ""}),
    (50378, "POST", NEW, {"State": "asleep"}),
    (50378, "POST", X, {"State": "initializing"}),
    (50384, "POST", NEW, {"State": "closed"}),
    (50382, "POST", NEW, {"Timers.Closed": "P1D"}),
    (50375, "POST", NEW, {"State": "active", "Timers.Inactive": "PT59S"}),
    (50376, "POST", X, {"Timers.Closed": "PT599S"}),
    (50379, "POST", X, {"Timers.Inactive": "60"}),
    (50379, "POST", X, {"Timers.Inactive": ""}),
    (50380, "POST", X, {"Timers.Closed": "P1Y"}),
    (50340, "POST", X, {"MessagingServiceSid": ""}),
    (50341, "POST", X, {"MessagingServiceSid": "MG1"}),
    (50308, "POST", NEW, {"DateCreated": "today"}),
    (50309, "POST", X, {"DateUpdated": "2026-13-01T00:00:00Z"}),
    (50347, "POST", X, {}),
    (50347, "POST", X, {"friendlyname": "a"}),
    (50377, "POST", "/Conversations/done", {"FriendlyName": "a"}),
    (50377, "POST", "/Conversations/done", {"State": "active"}),
    (50377, "POST", "/Conversations/done/Participants", {"Identity": "bob"}),
    (50377, "POST", "/Conversations/done/Webhooks", {**HOOK, **FILTER}),
    (50377, "POST", "/Conversations/done/Messages", {"Body": "a"}),
    # Participants
    (50204, "POST", P, {}),
    (50204, "POST", P, {"Identity": ""}),
    (50207, "POST", P, {"Identity": "x" * 257}),
    (50206, "POST", P, {"Identity": "US" + "0" * 32}),
    (50203, "POST", P, {"Identity": "system"}),
    (50211, "POST", P, {"Identity": "bob", **pair("+15550100301", "+15550100200")}),
    (50433, "POST", P, {"Identity": "ann"}),
    (50407, "POST", P, pair("5550100301", "+15550100200")),
    (50407, "POST", P, pair("+0550100301", "+15550100200")),
    (50407, "POST", P, pair("whatsapp:5550100301", WA_PROXY)),
    (50407, "POST", P, {"MessagingBinding.Address": "+15550100301", **projected("+15550100209")}),
    (50408, "POST", P, pair("+15550100301", "desk")),
    (50409, "POST", P, pair("+15550100301", "+15550100301")),
    (50411, "POST", P, {"MessagingBinding.ProxyAddress": "+15550100200"}),
    (50412, "POST", P, pair("+15550100301", "")),
    (50412, "POST", P, {"MessagingBinding.Address": WA}),
    (50414, "POST", P, pair("+15550100301", WA_PROXY)),
    (50416, "POST", P, pair(WA, WA_PROXY)),
    (50420, "POST", P, {**pair("+15550100301", "+15550100200"), "MessagingBinding.Name": "a"}),
    (50453, "POST", P, pair("a@example.com", "+15550100200")),
    (50303, "POST", P, {"Identity": "bob", "Attributes": BIG}),
    (50304, "POST", f"{P}/ann", {"Attributes": "{"}),
    (50103, "POST", P, {"Identity": "bob", "RoleSid": ""}),
    (50109, "POST", P, {"Identity": "bob", "RoleSid": "RL" + "0" * 32}),
    (50441, "POST", f"{P}/ann", {"MessagingBinding.ProxyAddress": "+15550100200"}),
    (50441, "POST", f"{P}/ann", {"MessagingBinding.ProxyAddress": "null"}),
    (50442, "POST", f"{P}/ann", projected("null")),
    (50444, "POST", f"{P}/ann", {"Identity": "bob"}),
    (50421, "POST", f"{P}/ann", {"LastReadMessageIndex": "-1"}),
    (50347, "POST", f"{P}/ann", {"MessagingBinding.Address": "+15550100399"}),
    # Groups
    (50434, "POST", G, {"Identity": "bob"}),
    (50437, "POST", G, {"MessagingBinding.Address": "+15550100401"}),
    (50513, "POST", "/Conversations/group/Messages", {"Body": "a"}),
    (50424, "POST", TOGETHER, {"Participant": ["{"]}),
    (50424, "POST", TOGETHER, {"Participant": ['["ann"]']}),
    (50424, "POST", TOGETHER, {"Participant": ['{"identity": 5}']}),
    (50426, "POST", TOGETHER, {"Participant": [f'{{"identity": "p{n}"}}' for n in range(11)]}),
    (50433, "POST", TOGETHER, {"Participant": ['{"identity": "a"}', '{"identity": "a"}']}),
    (50204, "POST", TOGETHER, {"Participant": ["{}"]}),
    (
        50435,
        "POST",
        TOGETHER,
        {"Participant": ['{"messaging_binding": {"projected_address": "+15550100209"}}']},
    ),
    (
        50425,
        "POST",
        TOGETHER,
        {"Participant": [json.dumps({"messaging_binding": {"address": WA, "proxy_address": WA_PROXY}})]},
    ),
    # Webhooks
    (50368, "POST", H, {}),
    (50364, "POST", H, {"Target": "flex"}),
    (50369, "POST", H, {"Target": "webhook", **FILTER}),
    (50369, "POST", H, {**FILTER, "Target": "webhook", "Configuration.Url": ""}),
    (50372, "POST", H, {**HOOK, **FILTER, "Configuration.Url": "https://example.com/" + "a" * 500}),
    (50078, "POST", H, {**HOOK, **FILTER, "Configuration.Url": "ftp://example.com"}),
    (50078, "POST", H, {**HOOK, **FILTER, "Configuration.Url": "https://[example.com"}),
    (50370, "POST", H, HOOK),
    (50370, "POST", H, {**HOOK, "Configuration.Filters": [""]}),
    (50365, "POST", H, {**HOOK, "Configuration.Filters": ["onMessageAdd"]}),
    (50055, "POST", H, {**HOOK, **FILTER, "Configuration.Method": "PUT"}),
    (50371, "POST", H, TRIGGER),
    (50362, "POST", H, {**TRIGGER, "Configuration.Triggers": list("abcdef")}),
    (50366, "POST", H, {**TRIGGER, "Configuration.Triggers": ["a", ""]}),
    (50366, "POST", H, {**TRIGGER, "Configuration.Triggers": ["x" * 249]}),
    (50367, "POST", H, {"Target": "studio"}),
    (50367, "POST", H, {"Target": "studio", "Configuration.FlowSid": "FW1"}),
    (20001, "POST", H, {**HOOK, **FILTER, "Configuration.ReplayAfter": "soon"}),
    (50361, "POST", "/Conversations/full/Webhooks", {**HOOK, **FILTER}),
    # Messages
    (50503, "POST", M, {}),
    (50503, "POST", M, {"Body": "", "Author": "ann"}),
    (50504, "POST", M, {"Body": "x" * 33000}),
    (50504, "POST", "/Conversations/holder/Messages", {"Body": "x" * 1601}),
    (50310, "POST", M, {"Body": "a", "Author": "x" * 257}),
    (50510, "POST", M, {"MediaSid": "a.jpg"}),
    (50526, "POST", M, {"ContentSid": "HX1"}),
    (50526, "POST", M, {"ContentSid": CONTENT}),
    (50528, "POST", M, {"Body": "a", "ContentVariables": "{}"}),
    (50527, "POST", M, {"ContentSid": CONTENT, "ContentVariables": "["}),
    (50527, "POST", M, {"ContentSid": CONTENT, "ContentVariables": "[]"}),
    (50529, "POST", M, {"ContentSid": CONTENT, "ContentVariables": json.dumps({"1": "x" * 27900})}),
    (50540, "POST", M, {"ContentSid": CONTENT, "ContentVariables": json.dumps({"k" * 17: "v"})}),
    (50541, "POST", M, {"ContentSid": CONTENT, "ContentVariables": json.dumps({"1": "v" * 257})}),
    # Services, roles, users
    (50000, "POST", "/Services", {}),
    (50003, "POST", "/Services", {"FriendlyName": "x" * 257}),
    (50050, "POST", "/Configuration", {"DefaultChatServiceSid": "IS" + "0" * 32}),
    (50341, "POST", "/Configuration", {"DefaultMessagingServiceSid": "no"}),
    (50375, "POST", "/Configuration", {"DefaultInactiveTimer": "PT1S"}),
    (50000, "POST", "/Roles", {"Type": "service"}),
    (20002, "POST", "/Roles", {"FriendlyName": "x" * 65}),
    (50105, "POST", "/Roles", {"FriendlyName": "r", "Type": "channel"}),
    (50104, "POST", "/Roles", {"FriendlyName": "r", "Type": "service", "Permission": ["fly"]}),
    (50201, "POST", "/Users", {"Identity": "ann"}),
    (50204, "POST", "/Users", {}),
    (50206, "POST", "/Users", {"Identity": "US" + "0" * 32}),
    (50100, "POST", "/Users", {"Identity": "bob", "RoleSid": "RL" + "0" * 32}),
]
# Raised in tests of their own, in this file or in others (the first four; of Sync; of deletions that last).
ELSEWHERE = {20003, 20161, 20429, 50385, 50386, 50391, 50101, 50214, 50413, 50415, 50417, 50422}
ELSEWHERE |= {50436, 50438, 50439, 50443, 50452}
ELSEWHERE |= {54003, 54006, 54008, 54010, 54011, 54050, 54100, 54101, 54103, 54301, 54302, 70051}
ELSEWHERE |= {20403, 50002, 50056, 50063, 50074, 50334, 50388, 50542}


@pytest.mark.parametrize(("code", "method", "path", "form"), REFUSALS)
def test_what_is_wrong_is_refused_and_leaves_no_trace(
    store: Store, code: int, method: str, path: str, form: dict[str, Any]
) -> None:
    """Each refusal has Twilio's code in Twilio's error body, and the world is what it was."""
    before = snapshot(store)

    status, body = ask(store, method, path, form)

    assert (code, CODES[code].status) == (body["code"], status)
    assert set(body) == {"code", "message", "more_info", "status"}
    assert body["status"] == status
    assert before == snapshot(store)


def snapshot(store: Store) -> Any:
    rows = sorted(store.index.rows.items())
    return json.dumps([(sid, str(row)) for sid, row in rows]), dict(store._mints)


def test_every_code_has_a_test() -> None:
    """No code is in the table without a case that raises it."""
    assert set(CODES) == {case[0] for case in REFUSALS} | ELSEWHERE


def test_the_pair_rule_names_the_holder(store: Store) -> None:
    """409/50416 says which conversation holds the pair, in Twilio's words."""
    status, body = ask(store, "POST", P, pair(WA, WA_PROXY))

    holder = sid_of(store, "/Conversations/holder")
    text = f"A binding for this participant and proxy address already exists in Conversation {holder}"
    assert (409, text) == (status, body["message"])


@pytest.mark.parametrize("how", ["participant", "conversation", "closing"])
def test_a_pair_is_freed(store: Store, how: str) -> None:
    """Deleting the participant or the conversation, or closing it, frees the pair at once by default."""
    at = "/Conversations/holder"
    [row] = ask(store, "GET", f"{at}/Participants")[1]["participants"]
    if how == "participant":
        ask(store, "DELETE", f"{at}/Participants/{row['sid']}")
    elif how == "conversation":
        ask(store, "DELETE", at)
    else:
        ask(store, "POST", at, {"State": "closed"})

    assert ask(store, "POST", P, pair(WA, WA_PROXY))[0] == 201


def test_an_inactive_conversation_keeps_its_pair_and_wakes_with_a_message(store: Store) -> None:
    """Inactive is not closed: the pair stays held, and a message makes the conversation active."""
    ask(store, "POST", "/Conversations/holder", {"State": "inactive"})

    assert ask(store, "POST", P, pair(WA, WA_PROXY))[1]["code"] == 50416
    ask(store, "POST", "/Conversations/holder/Messages", {"Body": "a"})
    assert ask(store, "GET", "/Conversations/holder")[1]["state"] == "active"


def test_one_person_may_be_in_many_conversations_by_different_proxies(store: Store) -> None:
    """Only the pair is exclusive, not the address."""
    for n in range(3):
        assert ask(store, "POST", P, pair("+15550100301", f"+1555010020{n}"))[0] == 201


def test_closed_is_final_but_readable_and_deletable(store: Store) -> None:
    """A closed conversation keeps its rows and its name until it is deleted."""
    ask(store, "POST", "/Conversations/holder", {"State": "closed"})

    assert len(ask(store, "GET", "/Conversations/holder/Participants")[1]["participants"]) == 1
    address = "/ParticipantConversations?Address=whatsapp%3A%2B15550100301"
    assert [row["conversation_state"] for row in ask(store, "GET", address)[1]["conversations"]] == ["closed"]
    assert ask(store, "POST", NEW, {"UniqueName": "holder"})[1]["code"] == 50353
    assert ask(store, "DELETE", "/Conversations/holder") == (204, None)
    assert ask(store, "DELETE", "/Conversations/holder")[1]["code"] == 20404
    assert ask(store, "POST", NEW, {"UniqueName": "holder"})[0] == 201


def test_names_are_cleared_or_not_as_observed(store: Store) -> None:
    """An empty FriendlyName changes nothing; an empty UniqueName clears and frees the name."""
    ask(store, "POST", X, {"FriendlyName": "A"})
    ask(store, "POST", X, {"FriendlyName": ""})
    sid = sid_of(store, X)
    _, body = ask(store, "POST", X, {"UniqueName": ""})

    assert (body["friendly_name"], body["unique_name"]) == ("A", None)
    assert ask(store, "GET", X)[0] == 404
    assert ask(store, "GET", f"/Conversations/{sid}")[0] == 200
    assert ask(store, "POST", NEW, {"UniqueName": "x"})[0] == 201


@pytest.mark.parametrize("text", ['{ "a" :1 }', "[1, 2]", '"Ü"', '{"b":1,"a":2}', "{}"])
def test_attributes_come_back_as_they_were_sent(store: Store, text: str) -> None:
    """The text is kept, white space and order included."""
    assert ask(store, "POST", NEW, {"Attributes": text})[1]["attributes"] == text


def test_a_renamed_conversation_answers_to_its_new_name_only(store: Store) -> None:
    """unique_name is an address, decoded from the path, slash included."""
    ask(store, "POST", X, {"UniqueName": "a/b c"})

    assert ask(store, "GET", "/Conversations/a%2Fb%20c")[0] == 200
    assert ask(store, "GET", X)[0] == 404


def test_namespaces_are_apart(store: Store) -> None:
    """A name is unique per service, and a SID resolves in its own service only."""
    service = sid_of(store, "/Services/" + ask(store, "POST", "/Services", {"FriendlyName": "s"})[1]["sid"])
    status, body = ask(store, "POST", f"/Services/{service}/Conversations", {"UniqueName": "x"})

    assert (201, service) == (status, body["chat_service_sid"])
    assert ask(store, "GET", f"/Conversations/{body['sid']}")[0] == 404
    assert body["url"].endswith(f"/v1/Services/{service}/Conversations/{body['sid']}")


def test_participants_get_roles_and_users(store: Store) -> None:
    """An identity gets a user and the service's default role; a wrong kind of role is refused."""
    roles = {row["friendly_name"]: row["sid"] for row in ask(store, "GET", "/Roles")[1]["roles"]}
    _, ann = ask(store, "GET", f"{P}/ann")

    assert roles["channel user"] == ann["role_sid"]
    assert ask(store, "GET", "/Users/ann")[1]["role_sid"] == roles["service user"]
    assert ask(store, "POST", f"{P}/ann", {"RoleSid": roles["service user"]})[1]["code"] == 50101
    assert ask(store, "POST", f"{P}/ann", {"RoleSid": roles["channel admin"]})[0] == 200


def test_deleting_a_user_takes_it_out_of_conversations(store: Store) -> None:
    """A user's participants go with it."""
    ask(store, "DELETE", "/Users/ann")

    assert ask(store, "GET", f"{P}/ann")[0] == 404


def test_limits_of_a_conversation(store: Store) -> None:
    """50 people outside chat (50422), 100 in all (50417)."""
    for n in range(50):
        assert ask(store, "POST", P, pair(f"+1555011{n:04d}", "+15550100200"))[0] == 201
    assert ask(store, "POST", P, pair("+15550129999", "+15550100200"))[1]["code"] == 50422
    for n in range(49):
        assert ask(store, "POST", P, {"Identity": f"chat-{n}"})[0] == 201
    assert ask(store, "POST", P, {"Identity": "one-more"})[1]["code"] == 50417


def test_limit_of_an_identity(store: Store) -> None:
    """1000 open conversations (50214); closed ones do not count."""
    for n in range(1000):
        ask(store, "POST", NEW, {"UniqueName": f"n{n}"})
        ask(store, "POST", f"/Conversations/n{n}/Participants", {"Identity": "busy"})
    assert ask(store, "POST", P, {"Identity": "busy"})[1]["code"] == 50214
    ask(store, "POST", "/Conversations/n0", {"State": "closed"})

    assert ask(store, "POST", P, {"Identity": "busy"})[0] == 201


def test_only_own_senders_are_proxies() -> None:
    """An account of known senders refuses others (50413, 50415, 50439), or all groups (50452)."""
    account = Account(senders=frozenset({"+15550100200"}), group_mms=True)
    store = Store(account=account)
    ask(store, "POST", NEW, {"UniqueName": "x"})

    assert ask(store, "POST", P, pair("+15550100301", "+15550100200"))[0] == 201
    assert ask(store, "POST", P, pair("+15550100301", "+15550100299"))[1]["code"] == 50413
    assert ask(store, "POST", P, pair(WA, WA_PROXY))[1]["code"] == 50415
    assert ask(store, "POST", P, projected("+15550100299"))[1]["code"] == 50439
    closed_to_groups = Store(account=Account(group_mms=False))
    ask(closed_to_groups, "POST", NEW, {"UniqueName": "x"})
    assert ask(closed_to_groups, "POST", P, projected("+15550100200"))[1]["code"] == 50452


def test_one_open_group_a_set_of_addresses(store: Store) -> None:
    """The call that completes a set held by another open group is refused, naming it (50438)."""
    ask(store, "POST", NEW, {"UniqueName": "twin"})
    twin = "/Conversations/twin/Participants"
    ask(store, "POST", twin, projected("+15550100209"))
    ask(store, "POST", twin, {"MessagingBinding.Address": "+15550100401"})
    last = {"MessagingBinding.Address": "+15550100402"}
    status, body = ask(store, "POST", twin, last)

    group = sid_of(store, "/Conversations/group")
    text = f"Group MMS with given participant list already exists as Conversation {group}"
    assert (409, 50438, text) == (status, body["code"], body["message"])
    ask(store, "POST", "/Conversations/group", {"State": "closed"})
    assert ask(store, "POST", twin, last)[0] == 201


def test_group_members_are_bound_without_role(store: Store) -> None:
    """A member by address alone has no role; the business number can get an identity and lose its mask."""
    _, body = ask(store, "GET", G)
    member, business = body["participants"][0], body["participants"][2]

    assert member["messaging_binding"] == {"type": "sms", "address": "+15550100401"}
    assert member["role_sid"] is None
    assert ask(store, "POST", f"{G}/{member['sid']}", projected("+15550100208"))[1]["code"] == 50443
    assert ask(store, "POST", f"{G}/{business['sid']}", {"Identity": "desk"})[1]["identity"] == "desk"
    assert ask(store, "POST", f"{G}/desk", projected("null"))[1]["messaging_binding"] is None


def test_a_group_that_loses_a_user_is_another_group(store: Store) -> None:
    """Deleting the user behind the business number frees the set of addresses."""
    row = ask(store, "GET", G)[1]["participants"][2]
    ask(store, "POST", f"{G}/{row['sid']}", {"Identity": "desk"})
    ask(store, "DELETE", "/Users/desk")
    ask(store, "POST", NEW, {"UniqueName": "twin"})
    forms = [{"MessagingBinding.Address": f"+1555010040{n}"} for n in (1, 2)]
    path = "/Conversations/twin/Participants"

    assert [ask(store, "POST", path, form)[0] for form in (*forms, projected("+15550100209"))] == [201] * 3


def test_a_group_has_ten_addresses(store: Store) -> None:
    """The eleventh address is refused (50436)."""
    for n in range(7):
        assert ask(store, "POST", G, {"MessagingBinding.Address": f"+1555010050{n}"})[0] == 201

    assert ask(store, "POST", G, {"MessagingBinding.Address": "+15550100599"})[1]["code"] == 50436


def test_a_group_message_needs_an_author_of_the_group(store: Store) -> None:
    """Members and the business number may write."""
    form = {"Body": "a", "Author": "+15550100209"}

    assert ask(store, "POST", "/Conversations/group/Messages", form)[0] == 201


@pytest.mark.parametrize("code", [50407, 50435])
def test_a_group_is_of_north_american_numbers(code: Any) -> None:
    """A member or business number outside +1 is refused, alone and in a new conversation; a pair is not."""
    store = Store(switches=Switches(foreign_group_code=code))
    ask(store, "POST", NEW, {"UniqueName": "x"})
    abroad = "+447700900301"
    members = [{"address": one} for one in (abroad, "+15550100401")] + [{"projected_address": "+15550100209"}]
    form = {"Participant": [json.dumps({"messaging_binding": one}) for one in members]}

    assert ask(store, "POST", P, {"MessagingBinding.Address": abroad})[1]["code"] == code
    assert ask(store, "POST", P, projected("+4477009002"))[1]["code"] == code
    assert ask(store, "POST", TOGETHER, form)[1]["code"] == code
    assert ask(store, "POST", P, pair(abroad, "+447700900200"))[0] == 201
    assert ask(store, "POST", P, {"MessagingBinding.Address": "a@example.com"})[0] == 201


@pytest.mark.parametrize(("code", "status"), [(50435, 400), (50386, 400), (0, 201)])
def test_a_group_works_once_it_is_three(code: Any, status: int) -> None:
    """Built one by one it is active, and takes no message before; by switch it keeps it, for nobody."""
    store = Store(clock=Clock.frozen(), switches=Switches(small_group_code=code))
    ask(store, "POST", NEW, {"UniqueName": "x"})
    ask(store, "POST", P, {"MessagingBinding.Address": "+15550100401"})
    ask(store, "POST", P, projected("+15550100209"))
    form = {"Body": "a", "Author": "+15550100209"}
    early = ask(store, "POST", M, form)
    ask(store, "POST", P, {"MessagingBinding.Address": "+15550100402"})
    late = ask(store, "POST", M, form)

    assert (early[0], early[1].get("code", 0)) == (status, code)
    assert (late[0], late[1]["delivery"]["total"]) == (201, 2)
    heard = [row.message_sid for row in store.phones["+15550100401"].messages]
    assert heard == [late[1]["sid"]]
    [gone, _, _] = ask(store, "GET", P)[1]["participants"]
    ask(store, "DELETE", f"{P}/{gone['sid']}")
    assert ask(store, "POST", M, form)[0] == status


def test_webhooks_keep_what_their_target_has(store: Store) -> None:
    """Each target shows its own keys; target and replay_after never change; filters are replaced whole."""
    _, hook = ask(store, "POST", H, {**HOOK, **FILTER, "Configuration.Method": "get"})
    _, studio = ask(store, "POST", H, {"Target": "studio", "Configuration.FlowSid": FLOW, **FILTER})
    _, trigger = ask(
        store, "POST", H, {**TRIGGER, "Configuration.Triggers": ["a", "b"], "Configuration.ReplayAfter": "3"}
    )
    update = {"Target": "studio", "Configuration.Filters": ["onParticipantAdded", "onMessageAdded"]}
    _, changed = ask(store, "POST", f"{H}/{hook['sid']}", update)

    url = "https://example.com/a"
    assert {"url": url, "method": "get", "filters": ["onMessageAdded"]} == hook["configuration"]
    assert studio["configuration"] == {"flow_sid": FLOW}
    expected = {"url": url, "method": "POST", "triggers": ["a", "b"], "replay_after": 3}
    assert expected == trigger["configuration"]
    assert changed["target"] == "webhook"
    assert changed["configuration"]["filters"] == ["onParticipantAdded", "onMessageAdded"]


def test_webhooks_go_with_their_conversation(store: Store) -> None:
    """Nothing of a deleted conversation is left in the world."""
    sid = sid_of(store, "/Conversations/full")
    ask(store, "DELETE", "/Conversations/full")

    assert not any(getattr(row, "conversation_sid", "") == sid for row in store.index.rows.values())


def test_messages_are_numbered_and_attributed(store: Store) -> None:
    """An index is used once; participant_sid follows the author; delivery counts people outside chat."""
    ask(store, "POST", P, pair("+15550100301", "+15550100200"))
    _, first = ask(store, "POST", M, {"Body": "a"})
    _, second = ask(store, "POST", M, {"Body": "b", "Author": "ann"})
    _, third = ask(store, "POST", M, {"Body": "c", "Author": "+15550100301"})
    ask(store, "DELETE", f"{M}/{third['sid']}")
    _, fourth = ask(store, "POST", M, {"Body": "d", "ContentSid": (content := approved(store))})

    assert [row["index"] for row in (first, second, third, fourth)] == [0, 1, 2, 3]
    assert (first["author"], first["participant_sid"]) == ("system", None)
    assert sid_of(store, f"{P}/ann") == second["participant_sid"]
    assert (second["delivery"]["total"], third["delivery"]) == (1, None)
    assert (fourth["body"], fourth["content_sid"]) == (GREETED, content)


def test_deleting_a_service_deletes_what_is_in_it(store: Store) -> None:
    """All goes with a service, and its pairs are free; the default service stays."""
    service = ask(store, "POST", "/Services", {"FriendlyName": "s"})[1]["sid"]
    at = f"/Services/{service}/Conversations"
    ask(store, "POST", at, {"UniqueName": "x"})
    ask(store, "POST", f"{at}/x/Participants", pair("+15550100301", "+15550100200"))
    ask(store, "POST", f"{at}/x/Participants", {"Identity": "ann"})
    assert ask(store, "DELETE", f"/Services/{service}")[0] == 204

    assert not any(service in str(row) for row in store.index.rows.values())
    assert ask(store, "POST", P, pair("+15550100301", "+15550100200"))[0] == 201
    default = store.configuration.default_chat_service_sid
    assert ask(store, "DELETE", f"/Services/{default}")[1]["code"] == 20001


def test_the_default_service_can_be_another_one(store: Store) -> None:
    """Paths without a service mean the account's default service."""
    service = ask(store, "POST", "/Services", {"FriendlyName": "s"})[1]["sid"]
    ask(store, "POST", "/Configuration", {"DefaultChatServiceSid": service})

    assert ask(store, "GET", X)[0] == 404
    assert ask(store, "POST", NEW)[1]["chat_service_sid"] == service


def test_together_is_all_or_nothing(store: Store) -> None:
    """With participants 202, and one that is wrong refuses the whole."""
    good = json.dumps({"identity": "bob", "attributes": '{"a":1}'})
    used = json.dumps({"messaging_binding": {"address": WA, "proxy_address": WA_PROXY}})
    assert ask(store, "POST", TOGETHER, {"UniqueName": "t", "Participant": [good, used]})[1]["code"] == 50425
    assert ask(store, "GET", "/Conversations/t")[0] == 404
    status, body = ask(store, "POST", TOGETHER, {"UniqueName": "t", "Participant": [good]})

    assert (status, body["state"]) == (202, "active")
    assert ask(store, "GET", "/Conversations/t/Participants/bob")[1]["attributes"] == '{"a":1}'


def test_initializing_lasts_until_the_clock_attaches() -> None:
    """With a delay nothing can be written meanwhile (50386), the pair is held, and then all are attached."""
    store = Store(clock=Clock.frozen(), switches=Switches(attach_delay_s=5))
    people = [
        json.dumps({"messaging_binding": {"address": WA, "proxy_address": WA_PROXY}}),
        '{"identity": "ann"}',
    ]
    _, body = ask(store, "POST", TOGETHER, {"UniqueName": "x", "Participant": people})
    ask(store, "POST", NEW, {"UniqueName": "other"})

    assert body["state"] == "initializing"
    assert ask(store, "POST", M, {"Body": "a"})[1]["code"] == 50386
    assert ask(store, "POST", "/Conversations/other/Participants", pair(WA, WA_PROXY))[1]["code"] == 50416
    assert ask(store, "GET", P)[1]["participants"] == []
    store.advance(5)
    assert ask(store, "GET", X)[1]["state"] == "active"
    assert len(ask(store, "GET", P)[1]["participants"]) == 2


def test_a_late_failure_closes_and_frees() -> None:
    """If someone cannot be attached in the end, the conversation is closed and holds nothing."""
    store = Store(clock=Clock.frozen(), switches=Switches(attach_delay_s=5))
    role = {"FriendlyName": "r", "Type": "conversation", "Permission": ["sendMessage"]}
    sid = ask(store, "POST", "/Roles", role)[1]["sid"]
    binding = {"address": WA, "proxy_address": WA_PROXY}
    person = json.dumps({"messaging_binding": binding, "role_sid": sid})
    ask(store, "POST", TOGETHER, {"UniqueName": "x", "Participant": [person]})
    ask(store, "DELETE", f"/Roles/{sid}")
    store.advance(5)
    ask(store, "POST", NEW, {"UniqueName": "other"})

    assert ask(store, "GET", X)[1]["state"] == "closed"
    assert ask(store, "POST", "/Conversations/other/Participants", pair(WA, WA_PROXY))[0] == 201
