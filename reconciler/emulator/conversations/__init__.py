"""Conversations v1: one file for each sort of resource, and the table of its routes."""
