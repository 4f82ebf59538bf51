"""`/_emulator/…`: what people, pages and tests ask of the emulator itself."""
