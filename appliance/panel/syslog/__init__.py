"""Export of alerts and findings to a collector: RFC 5424 records over TLS (RFC 5425), by way of a spool on the disk."""
