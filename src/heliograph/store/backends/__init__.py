"""Our Django database backends."""
