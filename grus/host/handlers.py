"""Signal handlers of ours beside those of others in the process."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Protocol

    class Armed(Protocol):
        """Whoever has signal handlers that `disarm` takes out and `arm` puts in front again."""

        def arm(self) -> None: ...
        def disarm(self) -> None: ...


def watch_faulthandler(owner: Armed) -> None:
    """Wrap `faulthandler.enable` and `disable`: they see the handlers as they would be without
    `owner`, whose are in front again after. Whichever wrapper came last is outermost, and its
    handler in front."""
    import faulthandler

    def rearmed(original: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            owner.disarm()
            try:
                return original(*args, **kwargs)
            finally:
                owner.arm()

        call.__name__ = original.__name__
        call.__doc__ = original.__doc__
        call.__wrapped__ = original  # type: ignore[attr-defined]
        return call

    module: Any = faulthandler
    module.enable = rearmed(faulthandler.enable)
    module.disable = rearmed(faulthandler.disable)
