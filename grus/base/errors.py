"""The root of every error that Grus raises on purpose."""


class GrusError(Exception):
    """Bad input, or a request that cannot be met. Its text is one clear message with the place.

    Rooms subclass it (`ir.ParseError`, `wasm.WasmError`, ...). The command line prints the text
    of a GrusError and exits; anything else is a bug in Grus and shows a traceback.
    """


class Unsupported(GrusError):
    """Valid input that uses something Grus cannot do yet; the message names the feature."""
