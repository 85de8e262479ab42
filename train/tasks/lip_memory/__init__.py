"""The memory of SyncTalkFace in training: its losses, and what it adds."""
