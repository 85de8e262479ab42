"""Study of the memory of SyncTalkFace: a start at which it works, and measurements."""
