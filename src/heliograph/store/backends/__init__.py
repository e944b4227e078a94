"""Django database backends of ours."""
