"""The file systems of a keep: package files, scratch memory, host folders that were asked for."""
