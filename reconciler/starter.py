"""A name → the YAML of a first stack: one masked conversation between WhatsApp and SMS, ready to apply."""

from __future__ import annotations

import re

FILE = "stack.yaml"

_STACK = """\
# A customer on WhatsApp and a courier on SMS talk through your numbers; neither sees the other's.
stack:
  name: {name}  # the owner of all that is created from here; part of its names in Twilio

# Numbers to try with: nobody has them. Put yours here, or give them with --var wa=+…
variables:
  wa: {{type: phone, default: +15550100200, description: Your WhatsApp sender}}
  sms: {{type: phone, default: +15550100201, description: Your SMS number}}
  customer: {{type: phone, default: +15550100301}}
  courier: {{type: phone, default: +15550100302}}

# What people see when they are written to; `via` below names one, and with it the channel.
senders:
  wa: whatsapp:${{var.wa}}
  sms: ${{var.sms}}

conversations:
  order-1:
    friendly_name: Order 1
    participants:
      customer: {{address: "${{var.customer}}", via: wa}}
      courier: {{address: "${{var.courier}}", via: sms}}
"""


def starter(name: str) -> str:
    """Return the text of `FILE` for a stack of that name, which has to be one."""
    return _STACK.format(name='"null"' if name == "null" else name)


def name_from(folder: str) -> str:
    """Return the name of a stack in a folder of that name: what of it can be one, else ``my-stack``."""
    words = re.findall(r"[a-z0-9]+", folder.lower())
    return "-".join(words)[:40].rstrip("-") or "my-stack"
