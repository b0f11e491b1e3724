"""Register allocation: ints in, ints out. `types` is the interface, `fast` and `quality` the two
allocators behind it, `checker` proves a result right."""
