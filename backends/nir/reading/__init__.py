"""Reading NIR: a file, whoever wrote it, as a network of ours with the same meaning."""
