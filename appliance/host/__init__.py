"""What the programs need of the machine: logs, service notification, secrets, TLS contexts, file watching, reports."""
