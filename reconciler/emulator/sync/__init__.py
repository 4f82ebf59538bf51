"""Sync v1: services and documents."""
