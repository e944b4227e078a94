"""Who is told of what, when and once: the rules of notifications (B4, O5)."""
