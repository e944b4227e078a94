"""The processes of one start: the supervisor, its children, and the operations port."""
