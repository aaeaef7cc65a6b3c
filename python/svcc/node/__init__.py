"""A node that is kept right: from a source of objects to the kernel, for as long as the process lives."""
