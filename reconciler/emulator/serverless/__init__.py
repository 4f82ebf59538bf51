"""Serverless v1: functions and assets, from an upload by way of a build to a domain that serves them."""
