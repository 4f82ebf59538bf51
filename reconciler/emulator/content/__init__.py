"""Content v1 and v2: templates, their approval by WhatsApp, and what each channel makes of them."""
