"""The clip of all tests of lip editing."""

from lip_records import lip_record

__all__ = ["lip_record"]
