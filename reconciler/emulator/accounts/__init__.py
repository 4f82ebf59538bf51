"""The account itself, of Twilio's core API: whose it is."""
