"""Webhooks: signed messages, retried until they are acknowledged, and never sent to an address inside the network."""
