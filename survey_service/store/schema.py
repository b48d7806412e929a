"""Every table there is, for whoever needs the whole schema."""

from survey_service.store import (
    connection_records,
    limit_records,
    link_records,
    records,
    signal_records,
    source_records,
    webhook_records,
    worker_records,
)

metadata = records.metadata
ROOMS = (records, link_records, limit_records, signal_records, connection_records, source_records, webhook_records, worker_records)
