"""Plan and apply for Twilio Conversations."""
