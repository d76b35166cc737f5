"""The result of an explanation: the object, how it is shown, and how it is kept."""

from limelight.maps.result import Maps, concatenate

__all__ = ["Maps", "concatenate"]
