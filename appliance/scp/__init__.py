"""The storage SCP: acceptor, workers, associations, admission and ingest. It holds no key that opens an object."""
