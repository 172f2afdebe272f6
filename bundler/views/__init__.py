"""What people see: progress, reports, errors and JSON documents. The only place that prints."""
