"""Telling the CRM: signed messages, sent again until they are acknowledged, and never to an address inside the house."""
