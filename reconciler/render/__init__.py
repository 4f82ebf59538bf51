"""What the commands found or will do → text for people and machines. No I/O: each module returns text."""
