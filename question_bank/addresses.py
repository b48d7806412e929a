"""What an address that an author or an operator writes may look like."""

PORT = r"(?:6553[0-5]|655[0-2][0-9]|65[0-4][0-9]{2}|6[0-4][0-9]{3}|[1-5][0-9]{4}|[1-9][0-9]{0,3})"
ADDRESS = rf"https?://(?:[\w-]+(?:\.[\w-]+)*\.?|\[[0-9A-Fa-f:.]+\])(?::{PORT})?(?:[/?#][^\s\\]*)?"
"""The address of a web page whose host every reader finds in the same place: without a user name, which could look like the host, and
without a backslash, which browsers take for a slash."""
