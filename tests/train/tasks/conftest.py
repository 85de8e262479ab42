"""Records for the tasks of talking faces."""

from lip_records import lip_record

__all__ = ["lip_record"]
