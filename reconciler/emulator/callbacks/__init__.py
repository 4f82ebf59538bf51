"""The calls that Twilio makes: who is called for what happened, signed, in order, kept."""
