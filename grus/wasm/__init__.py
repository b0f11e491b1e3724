"""WebAssembly in and out: binary decoder, validator, encoder, and the text format.

Knows nothing of the IR. The straight line is `decode.decode(data)` -> `module.Module` ->
`validate.validate(module)`; text goes through `text` and `encode` to bytes first.
"""
