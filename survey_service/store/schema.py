"""Every table there is, for whoever needs the whole schema."""

from survey_service.store import link_records, records, signal_records

metadata = records.metadata
ROOMS = (records, link_records, signal_records)
