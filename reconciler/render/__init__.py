"""What the commands found or will do → text for people and machines. No I/O: each module returns text."""

from reconciler.render.numbers import Numbers
from reconciler.render.progress import Commands, event_line, result_lines
from reconciler.render.text import Line, Tone, plan_lines

__all__ = ["Commands", "Line", "Numbers", "Tone", "event_line", "plan_lines", "result_lines"]
