"""The table of rate limits: one row for each token, address and survey that was lately asked for something."""

from sqlmodel import Field, SQLModel


class RateLimit(SQLModel, table=True):
    """From when (in seconds since 1970) the next request is admitted, and how much later each admission makes that.

    `key` names what is limited; an address or a token stands there only as a keyed digest. Rows go as soon as they limit nothing.
    """

    __tablename__ = "rate_limit"
    key: str = Field(primary_key=True)
    open_at: float
    gap: float
