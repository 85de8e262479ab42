"""What a container shows and sounds like, and when: one place for each."""
