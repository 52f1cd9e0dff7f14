"""A page in the person's own browser, for one separation: choose, watch, listen."""
